import type { Message } from "../reply.ts";
import { finish, type Scenario, script, type Turn } from "../turn.ts";

/** An agent that has Agenticore as its MCP server, under the name `agenticore`. */
export const delegates = {
  /** `say=TEXT`: submits a job that says so, waits for its end, reads it, and tells what it has read. */
  delegate: (turn) =>
    script(
      uses("run_task", { task: `Say it. [[scenario:text say=${turn.args["say"] ?? "done"}]]` }),
      uses("wait_for_job", { job_id: jobIn(turn), until: "end" }),
      uses("get_job", { job_id: jobIn(turn) }),
      finish(`The job ended: ${/"output":"([^"]*)"/.exec(turn.results.at(-1)?.text ?? "")?.[1]}`),
    )(turn),
} as const satisfies Record<string, Scenario>;

const uses = (tool: string, input: Readonly<Record<string, unknown>>): Message => ({
  kind: "message",
  say: `I'll use ${tool}.`,
  use: { name: `mcp__agenticore__${tool}`, input },
});

/** The first job that an answer told of. */
const jobIn = ({ results }: Turn): string => /"job":\{"id":"([^"]*)"/.exec(results[0]?.text ?? "")?.[1] ?? "";
