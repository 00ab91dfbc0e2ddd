/**
 * Puts a benchmark's text in its place: between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
 * @throws Error when the document has no such place.
 */
export function replaceSection(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`The document has no place for \`${name}\`: ${begin} … ${end}`);
  return `${document.slice(0, from + begin.length)}\n${text.trim()}\n${document.slice(to)}`;
}
