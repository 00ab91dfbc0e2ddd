import { AppError } from "./error.ts";

/** A repository's address after the checks of contract 2. Nothing was looked up: neither host nor folder. */
export type RepoAddress = Readonly<{
  /** What the caller wrote. */
  raw: string;
  scheme: "https" | "http" | "ssh" | "local";
  /** What git is given: the same place, without spellings that git and we might read differently. */
  url: string;
  /** What is hashed (contract 6): equal for every spelling of one repository. */
  canonical: string;
  /** Lower case, without port; IPv6 in brackets. */
  host?: string;
  user?: string;
  /** Without a trailing `/` and without `.git`; of a local folder the folder itself. */
  path: string;
}>;

/**
 * Reads a `repo_url` by the rules of contract 2: `https://host/path`, `ssh://[user@]host/path`,
 * `user@host:path`, `http://` (allowed only where named, see isRepoAllowed) or an absolute local folder.
 * @throws AppError invalid_request, with the reason.
 */
export function parseRepoUrl(raw: string): RepoAddress {
  if (raw === "") throw refused("is empty");
  if (raw.length > 2048) throw refused("is longer than 2,048 characters");
  if (/[\p{C}\p{Z}]/u.test(raw)) throw refused("contains a space or a control character");
  if (raw.startsWith("-")) throw refused("begins with `-`");
  if (raw.includes("\\")) throw refused("contains a backslash");
  if (raw.startsWith("/")) return localFolder(raw);
  if (/^https?:\/\//i.test(raw)) return webAddress(raw);
  if (/^ssh:\/\//i.test(raw)) return sshAddress(raw);
  const scp = /^([A-Za-z0-9][A-Za-z0-9._-]*)@([^:/@]+):(.+)$/.exec(raw);
  if (scp) return sshPlace({ raw, user: scp[1], host: scp[2] ?? "", path: scp[3] ?? "" });
  throw refused("is none of https://host/path, ssh://[user@]host/path, user@host:path or an absolute folder");
}

function localFolder(raw: string): RepoAddress {
  if (raw.split("/").includes("..")) throw refused("contains `..`");
  const path = raw.replace(/\/(?:\.?\/)+/g, "/").replace(/(?:\/\.?)+$/, "");
  if (path === "") throw refused("is the root folder");
  return { raw, scheme: "local", url: path, canonical: path, path };
}

function webAddress(raw: string): RepoAddress {
  // The WHATWG parser would quietly drop or rewrite these; git would not.
  if (/[?#]/.test(raw)) throw refused("contains a query or a fragment");
  if (/^https?:\/\/[^/]*@/i.test(raw)) throw refused("contains a user name or password");
  if (!URL.canParse(raw)) throw refused("is not a valid web address");
  const url = new URL(raw);
  checkSegments(raw.replace(/^https?:\/\/[^/]*/i, ""));
  const scheme = url.protocol === "https:" ? "https" : "http";
  const path = url.pathname.replace(/\/+$/, "");
  const bare = barePath(path);
  return {
    raw,
    scheme,
    url: `${scheme}://${url.host}${path}`,
    canonical: `${scheme}://${url.host}${bare}`,
    host: url.hostname,
    path: bare,
  };
}

function sshAddress(raw: string): RepoAddress {
  const found = /^ssh:\/\/(?:([A-Za-z0-9][A-Za-z0-9._-]*)@)?([^/:@]+)(?::(\d{1,5}))?\/(.+)$/i.exec(raw);
  if (!found) throw refused("is not of the form ssh://[user@]host[:port]/path");
  const [, user, host = "", port, path = ""] = found;
  return sshPlace({ raw, user, host, port, path: `/${path}` });
}

type SshParts = Readonly<{
  raw: string;
  user: string | undefined;
  host: string;
  port?: string | undefined;
  path: string;
}>;

function sshPlace({ raw, user, host, port, path }: SshParts): RepoAddress {
  // A host that begins with `-` would be an option of ssh (CVE-2017-1000117).
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host)) throw refused("has a host name that is not allowed");
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    throw refused("has a port that does not exist");
  if (/^[-:]/.test(path)) throw refused("has a path that begins with `-` or `:`");
  checkSegments(path);
  const lower = host.toLowerCase();
  const bare = barePath(`/${path.replace(/^\/+/, "").replace(/\/+$/, "")}`);
  const at = port === undefined || Number(port) === 22 ? lower : `${lower}:${Number(port)}`;
  const place = { raw, scheme: "ssh", url: raw, canonical: `ssh://${at}${bare}`, host: lower, path: bare } as const;
  return user === undefined ? place : { ...place, user };
}

function checkSegments(path: string): void {
  const dots = /^(?:\.|%2e){1,2}$/i;
  if (path.split("/").some((segment) => dots.test(segment))) throw refused("has `.` or `..` in its path");
}

function barePath(path: string): string {
  const bare = path.endsWith(".git") ? path.slice(0, -4).replace(/\/+$/, "") : path;
  if (bare.replaceAll("/", "") === "") throw refused("names a host but no repository");
  return bare;
}

const refused = (why: string): AppError =>
  new AppError("invalid_request", `repo_url ${why}`, {
    errors: [{ path: "repo_url", message: why }],
    remedy: "Give https://host/path, ssh://[user@]host/path, user@host:path, or an absolute local folder.",
  });
