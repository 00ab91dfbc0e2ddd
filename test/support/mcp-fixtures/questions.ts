import {
  acceptedContent,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";

type Kind = { type: "string" } | { type: "boolean" };
/** What the suite's tools ask of a client and its user. */
const form = (message: string, field: string, kind: Kind = { type: "string" }) =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties: { [field]: kind }, required: [field] },
  });
export const askName = form("What is your name?", "name");
export const askColor = form("What is your favourite colour?", "color");
export const askOk = form("Is this right?", "ok", { type: "boolean" });
export const askContext = form("What is the prompt to be about?", "context");
export const askModel = inputRequired.createMessage({
  messages: [{ role: "user", content: { type: "text", text: "What is the capital of France?" } }],
  maxTokens: 100,
});
export const askRoots = inputRequired.listRoots();

/** A field of what the user filled in under this key; undefined for what is not there, or is no such answer. */
export function answered(ctx: ServerContext, key: string, field: string): unknown {
  return acceptedContent(ctx.mcpReq.inputResponses, key)?.[field];
}
export const isAnswered = (ctx: ServerContext, key: string): boolean =>
  inputResponse(ctx.mcpReq.inputResponses, key).kind !== "missing";

/** What a server wants to be told again, sealed; nothing of it is kept here, so that any instance can go on. */
const codec = createRequestStateCodec<{ step: number }>({ key: "0123456789abcdef0123456789abcdef" });
export const sealed = (step: number): Promise<string> => codec.mint({ step });

/** @throws ProtocolError -32602 for a seal that is not ours. */
export async function stepOf(ctx: ServerContext): Promise<number> {
  const state = ctx.mcpReq.requestState<string>();
  if (state === undefined) return 0;
  const { step } = await codec.verify(state, ctx).catch(() => {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, "This state was not made here.");
  });
  return step;
}
