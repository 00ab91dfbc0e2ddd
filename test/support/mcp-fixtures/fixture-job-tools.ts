import { z } from "zod";
import { submitJob } from "../../../api/jobs.ts";
import { type AnyTool, defineTool, type ToolCall } from "../../../api/mcp/tool.ts";
import { JobOutput, jobAnswer } from "../../../api/mcp/views.ts";
import { AppError } from "../../../shared/error.ts";

/** Where jobs of the suite's tools go: the second is served by nobody. */
export const fixturePool = "conformance";
const idlePool = "conformance-idle";
const patience = 20;
const anything = z.looseObject({});

type Work = Readonly<{ seconds: number; fails?: boolean; wait?: boolean }>;
type Started = Readonly<{ name: string; work: (args: Readonly<Record<string, unknown>>) => Work }>;

/** A tool of our own kind: its job is a job like every other, and so is its task. */
const jobTool = ({ name, work }: Started): AnyTool =>
  defineTool({
    name,
    title: name,
    description: "For the conformance suite.",
    input: anything,
    output: JobOutput,
    annotations: { readOnlyHint: false },
    startsJob: true,
    call: async (args, { deps, asking, follow, takesTasks }: ToolCall) => {
      const { seconds, fails = false, wait: waits = false } = work(args);
      const wait = waits && !takesTasks;
      const request = {
        ...{ task: `${name} ${JSON.stringify(args)}`, wait, wait_seconds: patience, priority: 0 },
        pool: seconds < patience ? fixturePool : idlePool,
        metadata: { seconds: String(seconds), fails: String(fails) },
      };
      const accepted = ({ id }: { id: string }) => follow({ id });
      return jobAnswer((await submitJob(deps, request, { ...asking, ...(wait ? { accepted } : {}) })).job);
    },
  });

export const fixtureJobTools: readonly AnyTool[] = [
  jobTool({ name: "slow_compute", work: ({ seconds }) => ({ seconds: Number(seconds ?? 0) }) }),
  jobTool({ name: "failing_job", work: () => ({ seconds: 0, fails: true }) }),
  jobTool({ name: "confirm_delete", work: () => ({ seconds: 0 }) }),
  jobTool({ name: "test_tool_with_task", work: () => ({ seconds: 0 }) }),
  jobTool({ name: "test_tool_with_progress", work: () => ({ seconds: 3, wait: true }) }),
  defineTool({
    name: "test_error_handling",
    title: "test_error_handling",
    description: "For the conformance suite.",
    input: anything,
    output: JobOutput,
    annotations: { readOnlyHint: true },
    call: async () => {
      throw new AppError("conflict", "This tool fails whenever it is called.");
    },
  }),
];
