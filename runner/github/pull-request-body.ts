import type { Check } from "../../shared/check.ts";
import type { Job } from "../../shared/job.ts";
import { closed } from "./code-fence.ts";
import { closingPhrases, harmlessText } from "./harmless-text.ts";

/** What a pull request tells of its job. */
export type Told = Readonly<{
  job: Job;
  branch: string;
  baseRef: string;
  commit: string;
  /** Where people see the job; absent where nobody else could. */
  link?: string;
}>;

/** GitHub takes 65,536. */
const longest = 60_000;
const cutNote = "\n\n… (cut: the whole text is in the job's output)";

/** What Claude did, in its own words but harmless, and what it came to. Not the task: that may hold what is private. */
export function pullRequestBody({ job, branch, baseRef, commit, link }: Told): string {
  const { output, task, diff, checks = [], warnings = [] } = job;
  const quiet = (text: string) => harmlessText(text, task);
  const facts = [
    `- **Changes:** ${diff ? `${plural(diff.files, "file")}, +${diff.insertions} −${diff.deletions}, ` : ""}${commit.slice(0, 10)} on \`${branch}\`, from \`${baseRef}\``,
    ...(checks.length > 0 ? ["- **Checks that Claude ran:**", ...checks.map((check) => checkLine(check, quiet))] : []),
    ...spendingOf(job),
    `- **Job:** ${link === undefined ? `\`${job.id}\`` : `[\`${job.id}\`](${link})`}, profile \`${job.profile}\``,
    ...(warnings.length > 0
      ? ["- **Warnings:**", ...warnings.map((one) => `  - ${quiet(one.replace(/\s+/g, " "))}`)]
      : []),
  ].join("\n");
  const closes = closingPhrases(task).map(({ phrase }) => phrase);
  const end = `\n\n---\n${facts.slice(0, 10_000)}${closes.length > 0 ? `\n\n${closes.join(", ")}` : ""}\n${endMark}`;
  const begin = `${beginMark}\n`;
  const said = quiet(output?.trim() || "Claude has left no summary.");
  const room = longest - begin.length - end.length - cutNote.length - 1_000;
  const summary = said.length > room ? `${closed(said.slice(0, room))}${cutNote}` : closed(said);
  return `${begin}${summary}${end}`;
}

/** Our part of a description renewed, with what people wrote around it; undefined where they took it away. */
export function renewedBody(old: string, body: string): string | undefined {
  const begin = old.indexOf(beginMark);
  const end = old.indexOf(endMark, begin);
  return begin === -1 || end === -1 ? undefined : `${old.slice(0, begin)}${body}${old.slice(end + endMark.length)}`;
}

/** Claude's text cannot hold these: its comments are made visible. */
const beginMark = "<!-- agenticore -->";
const endMark = "<!-- /agenticore -->";

function spendingOf({ num_turns, cost_usd }: Job): string[] {
  const parts = [
    ...(num_turns ? [plural(num_turns, "turn")] : []),
    ...(cost_usd === undefined
      ? []
      : [cost_usd > 0 && cost_usd < 0.01 ? "less than $0.01" : `$${cost_usd.toFixed(2)}`]),
  ];
  return parts.length > 0 ? [`- **Claude:** ${parts.join(", ")}`] : [];
}

/** The last result of each counts. */
function checkLine({ command, result, exit_code, runs }: Check, quiet: (text: string) => string): string {
  const ends = { passed: "passed", failed: "**failed**", unknown: "ran; how it ended cannot be told" } as const;
  const code = result === "failed" && exit_code !== undefined ? ` with exit code ${exit_code}` : "";
  return `  - ${codeSpan(quiet(command))} ${ends[result]}${code}${runs > 1 ? ` (the last of ${runs} runs)` : ""}`;
}

/** @see https://spec.commonmark.org/0.31.2/#code-spans */
function codeSpan(text: string): string {
  const line = text.replace(/\s+/g, " ");
  const longestRun = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const mark = "`".repeat(longestRun + 1);
  return longestRun === 0 ? `${mark}${line}${mark}` : `${mark} ${line} ${mark}`;
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
