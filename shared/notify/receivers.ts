import { AppError } from "../error.ts";
import { HttpError } from "../problem.ts";
import { isInnerHost } from "../repo-allowed.ts";
import { hasAddress, parseAddress } from "./ip-network.ts";

/** Who may be notified. */
export type Receivers = Readonly<{
  /** AGENTICORE_NOTIFY_ALLOWED: hosts, perhaps with `*` or `**` and a port, addresses, and networks as `10.0.0.0/8`. */
  allowed: readonly string[];
  /** There is a secret to sign with. */
  hasSecret: boolean;
  /** A Worker cannot look names up, so it takes hosts only that are named in full, and no `http://`. */
  isEdge?: boolean;
}>;

/**
 * The address of a receiver, as far as can be told without looking its name up.
 * @throws AppError `invalid_request`: 400 for what no notification can be sent to, 422 for what is not allowed here.
 */
export function checkReceiver(text: string, receivers: Receivers): URL {
  const url = wellFormed(text);
  const { allowed, hasSecret, isEdge = false } = receivers;
  if (allowed.length === 0)
    throw refused("Nobody may be notified here.", "Set AGENTICORE_NOTIFY_ALLOWED to the hosts that may be.");
  if (!hasSecret)
    throw refused("There is nothing to sign notifications with.", "Set AGENTICORE_NOTIFY_SECRET, see docs/notify.md.");
  const fitting = allowed.filter((pattern) => fits(pattern, url));
  const inFull = fitting.filter((pattern) => !pattern.includes("*"));
  const isInner = isInnerAddress(url.hostname);
  if (fitting.length === 0 || (isInner && inFull.length === 0))
    throw refused(
      `The host ${url.host} may not be notified.`,
      "Use an allowed host, or add it to AGENTICORE_NOTIFY_ALLOWED.",
    );
  if (isEdge && (inFull.length === 0 || isInner || url.protocol === "http:"))
    throw refused(
      `The host ${url.host} may not be notified from a Worker.`,
      "A Worker cannot look names up: use https:// and name the host in AGENTICORE_NOTIFY_ALLOWED without `*`.",
    );
  const mayBePlain = isInner || (inFull.length > 0 && !parseAddress(url.hostname) && allowed.some(namesInside));
  if (url.protocol === "http:" && !mayBePlain)
    throw refused(
      "http:// is for receivers in a private network only.",
      "Use https://, or name both the host and its private address or network in AGENTICORE_NOTIFY_ALLOWED.",
    );
  return url;
}

/** Whether a request to this URL may go to this address of its host: to one of a private network only where that is named. */
export function mayReach(url: URL, address: string, allowed: readonly string[]): boolean {
  if (!isInnerAddress(address)) return url.protocol === "https:";
  if (allowed.some((pattern) => hasAddress(hostOf(pattern).host, address))) return true;
  return url.hostname === "localhost" && isLoopback(address) && allowed.some((one) => hostOf(one).host === "localhost");
}

function wellFormed(text: string): URL {
  const url = /^https?:\/\/[^\s\\]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw malformed("must be an address that begins with https://");
  if (url.username !== "" || url.password !== "") throw malformed("must not have a name or a password in it");
  url.hash = "";
  url.hostname = url.hostname.replace(/\.$/, "");
  return url;
}

const path = "notify_url";
const malformed = (message: string) =>
  new AppError("invalid_request", `notify_url ${message}.`, { errors: [{ path, message }] });
const refused = (sentence: string, remedy: string) =>
  new HttpError(422, "invalid_request", { sentence, remedy, errors: [{ path, message: "is not allowed here" }] });

type Pattern = Readonly<{ host: string; port?: string }>;

/** `host`, `host:port`, `[v6]:port`; IPv6 without brackets and networks have no port. */
function hostOf(pattern: string): Pattern {
  const found = /^(\[[^\]]*\]|[^:/]*):(\d+)$/.exec(pattern);
  const host = (found?.[1] ?? pattern).toLowerCase();
  return found?.[2] === undefined ? { host } : { host, port: found[2] };
}

function fits(pattern: string, url: URL): boolean {
  const { host, port } = hostOf(pattern);
  const asked = url.port || (url.protocol === "https:" ? "443" : "80");
  if (port !== undefined && port !== asked) return false;
  return hasAddress(host, url.hostname) || toRegExp(host).test(url.hostname);
}

/** An address or a network of the inside. */
const namesInside = (pattern: string): boolean => {
  const [address = ""] = hostOf(pattern).host.split("/");
  return parseAddress(address) !== undefined && isInnerAddress(address);
};

/** `*` stands for anything but a dot, `**` for anything. */
const toRegExp = (glob: string): RegExp =>
  new RegExp(
    `^${glob.replace(/\*\*|\*|[^*]+/g, (part) => (part === "**" ? ".*" : part === "*" ? "[^.]*" : literal(part)))}$`,
  );
const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/**
 * More than what `isInnerHost` knows: IPv4 within IPv6 (6to4, Teredo, NAT64 of one's own), old site-local addresses, and
 * the host that a virtual machine on Azure asks for its secrets.
 */
const alsoInner = ["2002::/16", "2001::/32", "64:ff9b:1::/48", "fec0::/10", "192.88.99.0/24", "168.63.129.16"];
function isInnerAddress(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  const isV6 = bare.includes(":");
  return isInnerHost(isV6 ? `[${bare}]` : bare) || alsoInner.some((network) => hasAddress(network, bare));
}
const isLoopback = (address: string) => ["127.0.0.0/8", "::1"].some((network) => hasAddress(network, address));
