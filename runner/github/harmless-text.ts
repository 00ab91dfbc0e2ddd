/** Shown nowhere, and ends a word: U+200B ZERO WIDTH SPACE. */
const gap = "\u200b";

/**
 * Text of a model, as it may stand in a pull request: it mentions nobody, and closes no issue but those that `task`
 * closes. What it reads stays the same. HTML comments become visible, so that nothing is hidden from who reviews.
 * @see https://docs.github.com/en/issues/tracking-your-work-with-issues/linking-a-pull-request-to-an-issue
 */
export function harmlessText(text: string, task: string): string {
  const wanted = new Set(closingPhrases(task).map(({ reference }) => reference.toLowerCase()));
  return decoded(text)
    .replaceAll("<!--", "&lt;!--")
    .replace(closing, (...[phrase = "", word = "", between, reference = ""]: string[]) =>
      wanted.has(reference.toLowerCase()) ? phrase : `${broken(word)}${between}${reference}`,
    )
    .replace(/(?<![A-Za-z0-9])@(?!\s|$)/gm, `@${gap}`);
}

const broken = (word: string): string => `${word.slice(0, -1)}${gap}${word.slice(-1)}`;

/** Where a task asks for issues to be closed: `Fixes #12`, each once, at most twenty. */
export function closingPhrases(task: string): readonly Readonly<{ phrase: string; reference: string }>[] {
  const found = [...task.matchAll(closing)].map(([, word = "", , reference = ""]) => ({
    phrase: `${word.slice(0, 1).toUpperCase()}${word.slice(1).toLowerCase()} ${reference}`,
    reference,
  }));
  return [...new Map(found.map((one) => [one.reference.toLowerCase(), one])).values()].slice(0, 20);
}

/** GitHub's nine words, and what they may stand before; decoration in between is not counted on. */
const closing =
  /\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b([^A-Za-z0-9\n#/]{1,20}?)((?:[\w.-]{1,100}\/[\w.-]{1,100})?#\d+|GH-\d+|https?:\/\/\S{1,300}\/(?:issues|pull)\/\d+)/gi;

/** `&#64;` and `&#35;` would be `@` and `#` in what is shown. */
const decoded = (text: string): string =>
  text.replace(/&(?:#0*64|#x0*40|commat);?/gi, "@").replace(/&(?:#0*35|#x0*23|num);?/gi, "#");
