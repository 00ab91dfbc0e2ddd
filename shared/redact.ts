/**
 * Removes secrets from text that leaves the box: the values known to this process, and the shapes of
 * well-known tokens (a net below it, since an agent may print a token that we never saw).
 */
export type Redact = (text: string) => string;

/** Each with text that it cannot do without: looking for that is ten times as quick. */
const shapes: readonly (readonly [needs: string, shape: RegExp])[] = [
  ["sk-ant-", /\bsk-ant-[A-Za-z0-9_-]{16,}/g],
  ["ak_", /\bak_[0-9a-f]{12}_[A-Za-z0-9_-]{43}/g],
  ["gh", /\bgh[pousr]_[A-Za-z0-9]{20,}/g],
  ["github_pat_", /\bgithub_pat_[A-Za-z0-9_]{20,}/g],
  ["AKIA", /\bAKIA[0-9A-Z]{16}\b/g],
  ["://", /(?<=(?:https?|ssh|rediss?):\/\/[^\s:/@]{0,100}:)[^\s:/@]{3,}(?=@)/g],
];
const mark = "[redacted]";

/** Values shorter than 8 characters are left alone: replacing them would garble ordinary text. */
export function redactor(values: readonly string[]): Redact {
  const known = values.filter((value) => value.length >= 8).sort((a, b) => b.length - a.length);
  return (text) => {
    const plain = known.reduce((rest, value) => rest.replaceAll(value, mark), text);
    const bare = plain.includes("PRIVATE KEY") ? withoutKeys(plain) : plain;
    return shapes.reduce((rest, [needs, shape]) => (rest.includes(needs) ? rest.replace(shape, mark) : rest), bare);
  };
}

/**
 * Without private keys in PEM (RFC 7468). One pattern for the whole of them would read on to the end of the text for each of
 * a thousand beginnings without an end, which is what an agent can print to stop its runner.
 */
function withoutKeys(text: string): string {
  const begin = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/g;
  const end = /-----END [A-Z ]{0,40}PRIVATE KEY-----/g;
  let kept = "";
  for (let at = 0; ; at = end.lastIndex) {
    begin.lastIndex = at;
    const first = begin.exec(text);
    end.lastIndex = begin.lastIndex;
    if (!first || !end.test(text)) return kept + text.slice(at);
    kept += text.slice(at, first.index) + mark;
  }
}

/** An address, without the password in it, for people to see. */
export const withoutPassword = (address: string): string =>
  address.replace(/^([a-z][a-z+.-]*:\/\/[^\s/@]*?:)[^\s/]+(?=@)/i, "$1[secret]");
