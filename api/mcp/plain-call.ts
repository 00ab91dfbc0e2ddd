import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  SERVER_INFO_META_KEY,
} from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { z } from "zod";
import { answerJson } from "../answer-headers.ts";
import type { ApiEnv } from "../asked.ts";
import { compiled } from "../compiled.ts";
import type { ApiDeps } from "../deps.ts";
import { field } from "../field.ts";
import { asking } from "../routes/asking.ts";
import { callTool } from "./call-tool.ts";
import { serverInfo } from "./server-info.ts";
import { tools } from "./tools.ts";

const revision = "2026-07-28";
const reserved = "io.modelcontextprotocol/";

const Token = z.union([z.int(), z.string()]);
const nothing = z.strictObject({}).optional();
/** What a client has to say of itself; here it must be as the revision has it to the letter. */
const said = {
  [PROTOCOL_VERSION_META_KEY]: z.literal(revision),
  [CLIENT_INFO_META_KEY]: z.strictObject({ name: z.string(), version: z.string(), title: z.string().optional() }),
  [CLIENT_CAPABILITIES_META_KEY]: z.strictObject({
    roots: z.strictObject({ listChanged: z.boolean().optional() }).optional(),
    sampling: nothing,
    elicitation: z.strictObject({ form: nothing, url: nothing }).optional(),
    extensions: z.record(z.string(), z.strictObject({})).optional(),
  }),
};
const Meta = z
  .looseObject({ ...said, progressToken: Token.optional() })
  .refine((meta) => Object.keys(meta).every((key) => !key.startsWith(reserved) || Object.hasOwn(said, key)));
const PlainCall = compiled(
  z.strictObject({
    jsonrpc: z.literal("2.0"),
    id: Token,
    method: z.literal("tools/call"),
    params: z.strictObject({ name: z.string(), arguments: z.looseObject({}).optional(), _meta: Meta }),
  }),
);

type PlainCall = z.infer<ReturnType<typeof PlainCall>>;

/** Those that are answered at once, and say nothing before. */
const prompt = new Set(tools.flatMap((tool) => (tool.startsJob || tool.waits ? [] : [tool.name])));

/**
 * Answers a call of a tool in the revision 2026-07-28 that needs nothing but its answer, to the byte as the SDK's server
 * does, at a fifth of the time: a server for each request, and several looks at each message, cost more than all else here.
 * Undefined for whatever is not to the letter such a call, above all for what is to be refused: the SDK answers that.
 */
export function answerPlainCall(deps: ApiDeps, c: Context<ApiEnv>, message: unknown): Promise<Response> | undefined {
  if (field(c, "mcp-protocol-version") !== revision || field(c, "mcp-method") !== "tools/call") return undefined;
  const { data: call } = PlainCall().safeParse(message);
  if (!call || !prompt.has(call.params.name) || field(c, "mcp-name") !== call.params.name) return undefined;
  return answer(deps, c, call);
}

function answer(deps: ApiDeps, c: Context<ApiEnv>, { id, params }: PlainCall): Promise<Response> {
  const given = { deps, asking: asking(c), tools, takesTasks: false, follow: ignored };
  const _meta = { [SERVER_INFO_META_KEY]: serverInfo(deps) };
  return callTool(params, given).then((told) =>
    answerJson(c, { result: { ...told, resultType: "complete", _meta }, jsonrpc: "2.0", id }, { status: 200 }),
  );
}

const ignored = (): undefined => undefined;
