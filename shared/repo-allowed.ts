import type { RepoAddress } from "./repo-url.ts";

/** What may be used when AGENTICORE_ALLOWED_REPOS says nothing (contract 6). */
export const defaultAllowedRepos: readonly string[] = ["https://**", "ssh://**", "git@*:**"];

export type AllowRules = Readonly<{
  /** Local folders without being named: one person alone on a loopback address, without keys. */
  localByDefault?: boolean;
}>;

/**
 * Whether one of the patterns names this repository. `**` stands for anything, `*` for anything but `/`,
 * `{a,b}` for either. `http://` must be named by a pattern that begins so; a loopback, private or
 * link-local host by a pattern that has the very host in it, so that a task cannot reach the box's own network.
 * Names are not looked up. The path of a local folder should be its real path.
 */
export function isRepoAllowed(address: RepoAddress, patterns: readonly string[], rules: AllowRules = {}): boolean {
  if (address.scheme === "local" && rules.localByDefault === true) return true;
  const inner = address.host !== undefined && isInnerHost(address.host);
  return patterns.map(tidy).some((pattern) => {
    if (address.scheme === "local" && !pattern.startsWith("/")) return false;
    if (address.scheme === "http" && !pattern.startsWith("http://")) return false;
    if (inner && hostOf(pattern) !== address.host) return false;
    return fits(address, pattern);
  });
}

/** Whether the pattern, spelled as in the allow list, names this repository; nothing is said of whether it is allowed. */
export const namesRepo = (address: RepoAddress, pattern: string): boolean => fits(address, tidy(pattern));

function fits(address: RepoAddress, pattern: string): boolean {
  const glob = globToRegExp(pattern);
  return spellings(address).some((spelling) => glob.test(spelling));
}

/** Both ways to write an ssh repository, so that `git@*:**` and `ssh://**` mean the same ones. */
function spellings({ scheme, canonical, user, host, path }: RepoAddress): readonly string[] {
  return scheme === "ssh" && user !== undefined ? [canonical, `${user}@${host}:${path.slice(1)}`] : [canonical];
}

/** Scheme and host in lower case, no trailing `/` or `.git`: as the canonical address. */
function tidy(pattern: string): string {
  if (pattern.startsWith("/")) return pattern.replace(/\/+$/, "");
  return pattern
    .replace(/\/+$/, "")
    .replace(/\.git$/, "")
    .replace(/^(?:[a-z]+:\/\/[^/]*|[^/:]+(?=:))/i, (start) => start.toLowerCase());
}

function hostOf(pattern: string): string | undefined {
  const found = /^[a-z]+:\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)/.exec(pattern) ?? /^[^/@:]+@([^:/]+):/.exec(pattern);
  return found?.[1];
}

function globToRegExp(glob: string): RegExp {
  const text = glob.replace(/\*\*|[*?]|\{[^{}]*\}|[^*?{]+|\{/g, (part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.length > 1 && part.startsWith("{")) return `(?:${part.slice(1, -1).split(",").map(literal).join("|")})`;
    return literal(part);
  });
  return new RegExp(`^${text}$`, "s");
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** `localhost`, and addresses of loopback, private, link-local, shared, multicast and reserved networks. */
export function isInnerHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  // The URL parser knows the odd spellings of an IPv4 address that resolvers take too: 2130706433, 0x7f.1.
  const url = `http://${name}/`;
  const plain = URL.canParse(url) ? new URL(url).hostname : name;
  return plain.startsWith("[") ? isInnerV6(plain.slice(1, -1)) : isInnerV4(plain);
}

function isInnerV4(address: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)?.slice(1).map(Number);
  if (!parts) return false;
  const [a = 0, b = 0, c = 0] = parts;
  return (
    [0, 10, 127].includes(a) ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && (b === 168 || (b === 0 && c === 0))) ||
    (a === 198 && (b === 18 || b === 19))
  );
}

function isInnerV6(address: string): boolean {
  const [left = "", right] = address.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail].map((group) =>
    Number.parseInt(group, 16),
  );
  const [first = 0, ...rest] = groups;
  const [seventh = 0, eighth = 0] = groups.slice(6);
  const v4 = `${seventh >> 8}.${seventh & 255}.${eighth >> 8}.${eighth & 255}`;
  if (first === 0 && rest.slice(0, 4).every((group) => group === 0)) {
    // `::`, `::1`, and IPv4 written as IPv6 (RFC 4291, 2.5.5).
    return groups[5] !== 0xffff || isInnerV4(v4);
  }
  if (first === 0x64 && groups[1] === 0xff9b) return isInnerV4(v4);
  return (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80 || (first & 0xff00) === 0xff00;
}
