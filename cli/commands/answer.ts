import type { Job } from "../../shared/job.ts";
import { Decision } from "../../shared/question.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { UsageError } from "../exit-code.ts";
import { findJobId } from "../job-id.ts";

export const answer = defineCommand<{ message?: string; json?: true }>({
  takes: (command) =>
    command
      .argument("<id>", "the job's id, or its first characters")
      .argument("<question>", "the question's id, or its first characters")
      .argument("<decision>", "`allow` or `deny`")
      .option("-m, --message <text>", "with deny: what Claude is told")
      .option("--json", "print JSON"),
  examples: [
    "agenticore answer 1f0c2f5e 8a6c allow",
    'agenticore answer 1f0c2f5e 8a6c deny --message "Not on this branch"',
  ],
  run: async (cli, { message, json }, [word = "", start = "", said = ""]) => {
    const decision = Decision.safeParse(said);
    if (!decision.success) throw new UsageError(`The decision is \`allow\` or \`deny\`, and not \`${said}\`.`);
    const client = await connect(cli);
    const id = await findJobId(client, word);
    const question_id = isWhole(start) ? start : questionOf(await client.job(id), start);
    const request = { question_id, decision: decision.data, ...(message === undefined ? {} : { message }) };
    const job = await client.answer(id, request);
    if (json) cli.print.json({ success: true, job });
    else cli.print.note(`The answer is kept for job ${id}; its events say when Claude has it.`);
    return 0;
  },
});

const isWhole = (word: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(word);

/** The open question that begins so. @throws UsageError where there is none, or several. */
function questionOf({ id, questions = [] }: Job, start: string): string {
  const fitting = questions.filter(({ question_id }) => question_id.startsWith(start.toLowerCase()));
  const [question] = fitting;
  if (question && fitting.length === 1) return question.question_id;
  const open = questions.map(({ question_id }) => question_id).join(", ") || "none";
  throw new UsageError(
    question
      ? `\`${start}\` is the beginning of ${fitting.length} open questions; give more of it.`
      : `Job ${id} has no open question that begins with \`${start}\`; open are: ${open}.`,
  );
}
