import { isTree, type Tree } from "./deep-merge.ts";

/** What Claude fills `${NAME}` in with. */
type Variables = Readonly<Record<string, unknown>>;

/** Whether a variable, header, option or parameter of this name holds what nobody shall read. */
export const isSecretName = (name: string): boolean =>
  /token|secret|passw|passphrase|key|credential|auth|cookie|dsn|signature|\bsig\b/i.test(name);

/**
 * What of an MCP server's configuration nobody else shall read: by the names of variables, headers, options and parameters,
 * a password in an address, and whatever else looks made up by chance. `${NAME}` counts as what it stands for.
 */
export function serverSecrets(server: Tree, variables: Variables): readonly string[] {
  const named = [server["env"], server["headers"]].flatMap((place) => (isTree(place) ? namedIn(place, variables) : []));
  const args = Array.isArray(server["args"]) ? server["args"].filter((arg) => typeof arg === "string") : [];
  const words = [server["url"], server["command"], ...args].flatMap((word) =>
    typeof word === "string" ? [filledIn(word, variables)] : [],
  );
  return [...named, ...optionsIn(args.map((arg) => filledIn(arg, variables))), ...words.flatMap(inText)];
}

/** Values whose names say that they are secret, and what in the others looks so. */
export const namedIn = (place: Tree, variables: Variables): string[] =>
  Object.entries(place).flatMap(([name, given]) => {
    if (typeof given !== "string") return [];
    const value = filledIn(given, variables);
    return isSecretName(name) ? [bare(value), ...inText(value)] : inText(value);
  });

/** `--token VALUE`, `--token=VALUE`, `TOKEN=VALUE`, `Authorization: Bearer VALUE`. */
const optionsIn = (args: readonly string[]): string[] =>
  args.flatMap((arg, at) => {
    const [, name = "", value = ""] = /^-{0,2}([\w.-]{1,100})(?:=|:\s*)([\s\S]*)$/.exec(arg) ?? [];
    if (name !== "") return isSecretName(name) ? [bare(value)] : optionsIn([value]);
    const before = args[at - 1] ?? "";
    return /^--?[\w-]+$/.test(before) && isSecretName(before) && !arg.startsWith("-") ? [bare(arg)] : [];
  });

/** Without the scheme of `Bearer …`. */
const bare = (value: string): string => value.replace(/^(?:Bearer|Basic|Token)\s+/i, "");

/** `${NAME}` and `${NAME:-otherwise}`; one that nothing is known of stays as it is, and is then looked for nowhere. */
function filledIn(text: string, variables: Variables): string {
  return text.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (whole, name: string, otherwise: string | undefined) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    return typeof value === "string" && value !== "" ? value : (otherwise ?? whole);
  });
}

/** Passwords and parameters of addresses, and words that nobody would think of. */
function inText(text: string): string[] {
  const addresses = text.match(/[a-z][a-z+.-]*:\/\/[^\s"'<>]+/gi) ?? [];
  return [...addresses.flatMap(inAddress), ...(text.match(/[^\s"'&=?:,;/@]{16,}/g) ?? []).filter(looksRandom)];
}

function inAddress(address: string): string[] {
  if (!URL.canParse(address)) return [];
  const { password, search } = new URL(address);
  const secret = search
    .slice(1)
    .split("&")
    .flatMap((pair) => {
      const [name = "", ...value] = pair.split("=");
      return isSecretName(name) ? [value.join("=")] : [];
    });
  return [password, ...secret].flatMap((value) => [value, decoded(value)]);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // a `%` that stands for itself
  }
}

/** A long run of letters and digits in disorder, as keys have; no word, version, date, UUID or path has one. */
const looksRandom = (word: string): boolean =>
  (word.match(/[A-Za-z0-9_+]{16,}/g) ?? []).some((run) => {
    const digits = (run.match(/\d/g) ?? []).length;
    const isMixed = /[a-z]/.test(run) && /[A-Z]/.test(run);
    const isHex = /^[0-9a-f]{32,}$/i.test(run);
    return digits >= 3 && digits < run.length && (isMixed || isHex || run.length >= 32) && new Set(run).size >= 10;
  });
