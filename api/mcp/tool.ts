import { z } from "zod";
import type { Job } from "../../shared/job.ts";
import { compiled } from "../compiled.ts";
import type { ApiDeps } from "../deps.ts";
import type { Asking } from "../jobs.ts";

/** What the tools of this door declare of themselves (MCP, ToolAnnotations); hints for people and models, never rights. */
type Annotations = Readonly<{
  readOnlyHint: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
}>;

/** What a call is given beside its arguments. */
export type ToolCall = Readonly<{
  deps: ApiDeps;
  asking: Asking;
  /** Tells the client of this job's events for as long as the call lasts, where it asked for progress. */
  follow: (job: Readonly<{ id: string; after?: string }>) => void;
  /** The client takes a job that goes on as a task (api/mcp/tasks.ts): nobody waits for it here. */
  takesTasks: boolean;
}>;

/** A tool as data: what is told of it, and the verb that it calls. `call` gives the success body, and throws AppError. */
type Tool<S extends z.ZodType> = Readonly<{
  name: string;
  title: string;
  description: string;
  input: S;
  output: z.ZodType;
  annotations: Annotations;
  /** Its answer's job goes on when it has answered: it can be a task. */
  startsJob?: true;
  /** It answers when there is something to tell. */
  waits?: true;
  call: (args: z.output<S>, call: ToolCall) => Promise<ToolAnswer>;
}>;
/** A success body of contract 2, with what a model is told besides. */
export type ToolAnswer = Readonly<{ success: true; job?: Job }> & Readonly<Record<string, unknown>>;

export type AnyTool = Readonly<{
  listed: Readonly<Record<string, unknown>>;
  name: string;
  /** The schema of its arguments. */
  input: () => z.ZodType;
  startsJob: boolean;
  waits: boolean;
  /** With arguments that `input` has taken. */
  call: (args: unknown, call: ToolCall) => Promise<ToolAnswer>;
}>;

/** The tool, with its entry in `tools/list` made once. */
export function defineTool<S extends z.ZodType>(tool: Tool<S>): AnyTool {
  const { name, title, description, input, output, annotations, startsJob = false, waits = false, call } = tool;
  return {
    listed: {
      name,
      title,
      description,
      inputSchema: jsonSchema(input, "input"),
      outputSchema: jsonSchema(output, "output"),
      annotations,
    },
    name,
    input: compiled(input),
    startsJob,
    waits,
    call: (args, given) => call(args as z.output<S>, given),
  };
}

/**
 * JSON Schema (2020-12) of what is sent, as an object at its root. A UUID's pattern says no more than its format, and
 * fields that may be there besides need no word.
 */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema, $ref, $defs, ...plain } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === "uuid") delete jsonSchema.pattern;
      const { additionalProperties: more } = jsonSchema;
      if (typeof more === "object" && Object.keys(more).length === 0) delete jsonSchema.additionalProperties;
    },
  });
  const { id, ...named } = $defs?.[$ref?.replace("#/$defs/", "") ?? ""] ?? {};
  return $ref === undefined ? plain : named;
}
