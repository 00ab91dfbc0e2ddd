import {
  type GetPromptResult,
  type InputRequiredResult,
  inputRequired,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { image, resource, text } from "./content.ts";
import { answered, askContext } from "./questions.ts";

type Args = Readonly<Record<string, string>>;
type Answer = GetPromptResult | InputRequiredResult;

const says = (content: GetPromptResult["messages"][number]["content"]): GetPromptResult => ({
  messages: [{ role: "user", content }],
});
const prompts: Readonly<Record<string, (args: Args, ctx: ServerContext) => Answer>> = {
  test_simple_prompt: () => says(text("This is a prompt.")),
  test_prompt_with_arguments: ({ arg1, arg2 }) => says(text(`The first is ${arg1}, the second is ${arg2}.`)),
  test_prompt_with_embedded_resource: ({ resourceUri = "test://none" }) => says(resource(resourceUri)),
  test_prompt_with_image: () => says(image),
  test_input_required_result_prompt: (_, ctx) => {
    const context = answered(ctx, "user_context", "context");
    return typeof context === "string"
      ? says(text(context))
      : inputRequired({ inputRequests: { user_context: askContext } });
  },
};
const takes: Readonly<Record<string, readonly string[]>> = {
  test_prompt_with_arguments: ["arg1", "arg2"],
  test_prompt_with_embedded_resource: ["resourceUri"],
};

export const fixturePrompts = Object.keys(prompts).map((name) => ({
  name,
  description: "For the conformance suite.",
  arguments: (takes[name] ?? []).map((argument) => ({ name: argument, description: "A text.", required: true })),
}));

/** Undefined for a prompt that is not the suite's. */
export const fixturePrompt = (name: string, args: Args, ctx: ServerContext): Answer | undefined =>
  Object.hasOwn(prompts, name) ? prompts[name]?.(args, ctx) : undefined;
