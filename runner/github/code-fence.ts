/** A line that opens a fenced code block, or closes the one that `open` began. @see https://spec.commonmark.org/0.31.2/#fenced-code-blocks */
function fenceAfter(line: string, open: string | undefined): string | undefined {
  const [, mark = "", rest = ""] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
  if (mark === "") return open;
  if (open === undefined) return mark.startsWith("`") && rest.includes("`") ? undefined : mark;
  return mark[0] === open[0] && mark.length >= open.length && rest.trim() === "" ? undefined : open;
}

/** The lines that stand in no fenced code block. */
export function outsideCode(text: string): readonly string[] {
  let open: string | undefined;
  return text.split(/\r\n|[\r\n]/).filter((line) => {
    const before = open;
    open = fenceAfter(line, open);
    return before === undefined && open === undefined;
  });
}

/** The text with what it left open closed, so that what follows it is read as it is meant. */
export function closed(text: string): string {
  const fence = text.split("\n").reduce<string | undefined>((open, line) => fenceAfter(line, open), undefined);
  const count = (tag: RegExp) => (text.match(tag) ?? []).length;
  const details = Math.max(0, count(/<details\b/gi) - count(/<\/details>/gi));
  return `${text}${fence === undefined ? "" : `\n${fence}`}${"\n</details>".repeat(Math.min(details, 50))}`;
}
