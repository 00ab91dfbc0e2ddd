import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequiredResult,
  inputRequired,
  MissingRequiredClientCapabilityError,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { takesTasks, tasksCapability } from "../../../api/mcp/tasks.ts";
import { image, resource, text, wav } from "./content.ts";
import { answered, askColor, askModel, askName, askOk, askRoots, isAnswered, sealed, stepOf } from "./questions.ts";

type Answer = CallToolResult | InputRequiredResult;
/** Undefined: there is nothing to say before the tool of this name among our own kind answers. */
type Call = (ctx: ServerContext, args: Readonly<Record<string, unknown>>) => Answer | undefined | Promise<Answer>;

const say = (...content: CallToolResult["content"]): CallToolResult => ({ content });
const anyObject = { type: "object" };

/** Tools whose answers ours never give: other content, questions to the client, log messages. */
export const fixtureCalls: Readonly<Record<string, Call>> = {
  greet: (_, { name }) => say(text(`Hello, ${name}!`)),
  test_simple_text: () => say(text("This is a text.")),
  test_image_content: () => say(image),
  test_audio_content: () => say({ type: "audio", ...wav }),
  test_embedded_resource: () => say(resource("test://embedded-resource")),
  test_multiple_content_types: () => say(text("Of each kind one:"), image, resource("test://mixed-content-resource")),
  json_schema_2020_12_tool: () => say(text("It is valid.")),
  test_tool_with_logging: async ({ mcpReq }) => {
    for (const step of ["begun", "half way", "done"]) await mcpReq.log("info", step);
    return say(text("Logged."));
  },
  test_logging_tool: async ({ mcpReq }) => {
    await mcpReq.log("info", "Nobody asked for this.");
    return say(text("Logged for whoever asked."));
  },
  test_missing_capability: () => inputRequired({ inputRequests: { capital: askModel } }),
  test_streaming_elicitation: () => inputRequired({ inputRequests: { user_name: askName } }),

  test_input_required_result_elicitation: (ctx) => {
    const name = answered(ctx, "user_name", "name");
    return typeof name === "string"
      ? say(text(`Hello, ${name}!`))
      : inputRequired({ inputRequests: { user_name: askName } });
  },
  test_input_required_result_sampling: (ctx) =>
    isAnswered(ctx, "capital_question")
      ? say(text("So the model said."))
      : inputRequired({ inputRequests: { capital_question: askModel } }),
  test_input_required_result_list_roots: (ctx) =>
    isAnswered(ctx, "client_roots")
      ? say(text("These are the roots."))
      : inputRequired({ inputRequests: { client_roots: askRoots } }),
  test_input_required_result_request_state: (ctx) => confirmed(ctx),
  test_input_required_result_tampered_state: (ctx) => confirmed(ctx),
  test_input_required_result_multiple_inputs: async (ctx) => {
    const inputRequests = { user_name: askName, greeting: askModel, client_roots: askRoots };
    if ((await stepOf(ctx)) === 1 && Object.keys(inputRequests).every((key) => isAnswered(ctx, key)))
      return say(text("All is answered."));
    return inputRequired({ inputRequests, requestState: await sealed(1) });
  },
  test_input_required_result_multi_round: async (ctx) => {
    const step = await stepOf(ctx);
    if (step === 2 && isAnswered(ctx, "step2")) return say(text("Both are answered."));
    if (step === 1 && isAnswered(ctx, "step1"))
      return inputRequired({ inputRequests: { step2: askColor }, requestState: await sealed(2) });
    return inputRequired({ inputRequests: { step1: askName }, requestState: await sealed(1) });
  },
  test_input_required_result_capabilities: ({ mcpReq }) => {
    const envelope: Readonly<Record<string, unknown>> = { ...mcpReq.envelope };
    const { elicitation, sampling } = envelope[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities;
    const inputRequests = { ...(elicitation ? { name: askName } : {}), ...(sampling ? { capital: askModel } : {}) };
    return Object.keys(inputRequests).length > 0 ? inputRequired({ inputRequests }) : say(text("Nothing to ask."));
  },

  // These go on as jobs, see fixture-job-tools.ts.
  failing_job: (ctx) => {
    if (takesTasks(ctx)) return undefined;
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: tasksCapability } });
  },
  test_tool_with_task: (ctx) =>
    isAnswered(ctx, "user_name") ? undefined : inputRequired({ inputRequests: { user_name: askName } }),
};

async function confirmed(ctx: ServerContext): Promise<Answer> {
  if ((await stepOf(ctx)) === 1 && answered(ctx, "confirm", "ok") === true) return say(text("state-ok"));
  return inputRequired({ inputRequests: { confirm: askOk }, requestState: await sealed(1) });
}

/** One with all that JSON Schema (2020-12) has beyond properties. */
const richSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

/** Their entries in `tools/list`. */
export const listedFixtures = Object.keys(fixtureCalls).map((name) => ({
  name,
  description: "For the conformance suite.",
  inputSchema: name === "json_schema_2020_12_tool" ? richSchema : anyObject,
}));
