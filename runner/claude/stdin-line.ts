/** What is written to Claude's stdin with `--input-format stream-json`: one JSON object a line. */

/** A message of the user. Claude echoes it with the same uuid when it takes it up, and skips a uuid that its session already has. */
export const userLine = (id: string, text: string): string =>
  line({ type: "user", message: { role: "user", content: text }, uuid: id });

/** Ends the running turn and its tools; the session goes on. */
export const interruptLine = (id: string): string =>
  line({ type: "control_request", request_id: id, request: { subtype: "interrupt" } });

/** Lets the tool run that `can_use_tool` has asked for, with the input that it was asked for with. */
export const allowLine = (request: string, input: Readonly<Record<string, unknown>>): string =>
  answerLine({ subtype: "success", request_id: request, response: { behavior: "allow", updatedInput: input } });

/** Claude reads the message as the tool's result. */
export const denyLine = (request: string, message: string): string =>
  answerLine({ subtype: "success", request_id: request, response: { behavior: "deny", message } });

/** For a question of another kind, so that Claude does not wait for its answer. */
export const unableLine = (request: string): string =>
  answerLine({ subtype: "error", request_id: request, error: "Agenticore does not answer this." });

const answerLine = (response: object): string => line({ type: "control_response", response });
const line = (content: unknown): string => `${JSON.stringify(content)}\n`;
