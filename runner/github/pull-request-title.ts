import { outsideCode } from "./code-fence.ts";

const longest = 72;

/**
 * One line, at most 72 characters and of whole words: the first line of what Claude said that says something, else the
 * task's first line.
 */
export function pullRequestTitle(output: string | undefined, task: string): string {
  const said = linesOf(output ?? "").find(isSensible);
  const line = said === undefined ? linesOf(task)[0] : impersonal(firstSentence(said));
  return shortened(line?.replace(/[\s.:;,]+$/, "") || "Changes by Agenticore", longest);
}

/** At most so many characters, cut between two words where there are any. */
export function shortened(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const head = characters.slice(0, most - 1).join("");
  const space = characters[most - 1] === " " ? head.length : head.lastIndexOf(" ");
  return `${(space > most / 2 ? head.slice(0, space) : head).replace(/[\s.:;,]+$/, "")}…`;
}

/** A title is looked for at the beginning; patterns never run over more than is bounded. */
const searched = 16_384;
const perLine = 500;

/** Without code blocks, and without what Markdown puts around words. */
const linesOf = (text: string): string[] =>
  outsideCode(text.slice(0, searched))
    .map((line) =>
      line
        .slice(0, perLine)
        .replace(/\p{C}/gu, " ")
        .replace(/^(?:\s*(?:#{1,6}|[-*+>]|\d{1,3}[.)])\s+)+/, "")
        .replace(/(\*\*|__|~~)(.+?)\1/g, "$2")
        .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
        .replace(/\s+/g, " ")
        .trim(),
    )
    .filter((line) => line !== "");

/** No heading of a list, no row of a table, no "Done!". */
function isSensible(line: string): boolean {
  if (/:$|^[|`]/.test(line) || empty.test(line)) return false;
  return (line.match(/[\p{L}\p{N}]+/gu) ?? []).length >= 2;
}
const empty =
  /^(?:(?:all )?(?:done|set|finished)|summary|success(?:ful(?:ly)?)?|great|perfect|sure|ok(?:ay)?|here(?:'|’)?s|here is|i(?:'|’)m done|i am done|let me|i(?:'|’)ll|i will|the task (?:is|has been) (?:now )?(?:done|complete|finished))\b[^.]{0,40}[.!]?$/i;

const firstSentence = (line: string): string => /^.*?[.!?](?=\s+\p{Lu})/u.exec(line)?.[0] ?? line;

/** "I've added a test" is what Claude says; "Added a test" is what a title says. */
function impersonal(line: string): string {
  const rest = line.replace(
    /^I(?:(?:'|’)ve| have)? (?:(?:now|also|just|successfully) )*(?=\p{Ll}+ed\b|(?:wrote|made|built|put|set|ran)\b)/u,
    "",
  );
  return rest === line ? line : rest.replace(/^./u, (first) => first.toUpperCase());
}
