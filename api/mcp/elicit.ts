import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Job } from "../../shared/job.ts";
import { Decision, type Question } from "../../shared/question.ts";
import { answerQuestion } from "../answers.ts";
import { getJob } from "../jobs.ts";
import type { ToolCall } from "./tool.ts";
import { cutText } from "./views.ts";

type Asked = Readonly<{
  name: string;
  arguments?: Record<string, unknown> | undefined;
  /** What the client's user has said, in a call that is made again for it; anybody may have written it. */
  responses?: Readonly<Record<string, unknown>> | undefined;
}>;
type Call = Pick<ToolCall, "deps" | "asking">;

const Capabilities = z.object({ elicitation: z.object({}).optional() });

/** Whether the client has said that it can ask its user: with this request, or at the beginning of its connection. */
export function canElicit(envelope: object | undefined, declared: object | undefined): boolean {
  const said = envelope && new Map<string, unknown>(Object.entries(envelope)).get(CLIENT_CAPABILITIES_META_KEY);
  return Capabilities.safeParse(said ?? declared).data?.elicitation !== undefined;
}

const maxShown = 2_000;
const form = {
  type: "object" as const,
  properties: {
    decision: { type: "string" as const, title: "Decision", enum: [...Decision.options] },
    message: { type: "string" as const, title: "With deny: what Claude is told" },
  },
  required: ["decision"],
};
/** MCP, ElicitResult: declining is a no; cancelling says nothing. */
const Response = z.union([
  z.object({ action: z.literal("accept"), content: z.object({ decision: Decision, message: z.string().optional() }) }),
  z.object({ action: z.literal("decline") }).transform(() => ({ content: { decision: "deny" as const } })),
]);

/**
 * `wait_for_job` for a client that can ask its user: what Claude asks is an answer of kind `input_required`, and the call that
 * the client makes again with what its user said goes on waiting. Nothing is kept in between: a question is named by its own id.
 */
export async function withUser(asked: Asked, call: Call, run: () => Promise<CallToolResult>) {
  const { name, responses = {} } = asked;
  const id = asked.arguments?.["job_id"];
  if (name !== "wait_for_job" || typeof id !== "string" || !call.asking.caller.scopes.includes("submit"))
    return await run();
  for (const [question, response] of Object.entries(responses)) await take({ id, question, response }, call);
  const known = new Set(Object.keys(responses));
  const before = await getJob(call.deps, id, call.asking).catch(() => undefined);
  const first = asking(before, known);
  if (first) return first;
  const result = await run();
  const { job } = (result.structuredContent ?? {}) as { job?: Job };
  return asking(job, known) ?? result;
}

type Given = Readonly<{ id: string; question: string; response: unknown }>;

/** What cannot be taken stays open, and is asked again by a later call. */
export async function take({ id, question, response }: Given, call: Call): Promise<void> {
  const said = Response.safeParse(response);
  if (!said.success || !z.uuid().safeParse(question).success) return;
  const { decision, message = "" } = { message: undefined, ...said.data.content };
  const why = decision === "deny" && message.trim() !== "" ? { message } : {};
  await answerQuestion(call.deps, { id, question_id: question, decision, ...why }, call.asking).catch(
    (error: unknown) =>
      call.deps.log.info("a user's answer was not taken", { job: id, question, error: String(error) }),
  );
}

function asking(job: Job | undefined, known: ReadonlySet<string>): InputRequiredResult | undefined {
  const inputRequests = job && formsFor(job, known);
  return inputRequests && inputRequired({ inputRequests });
}

/** A form for each open question but these, by its id; undefined where there is none. */
export function formsFor(job: Job, known: ReadonlySet<string> = new Set()): InputRequests | undefined {
  const open = (job.questions ?? []).filter(({ question_id }) => !known.has(question_id));
  if (open.length === 0) return undefined;
  const requests = open.map((question) => [
    question.question_id,
    inputRequired.elicit({ message: inWords(job, question), requestedSchema: form }),
  ]);
  return Object.fromEntries(requests);
}

const inWords = ({ id }: Job, { tool, input, until }: Question): string =>
  `Job ${id.slice(0, 8)}: may Claude use ${tool} with this? ${cutText(input, maxShown)} Unanswered until ${until}, it is denied.`;
