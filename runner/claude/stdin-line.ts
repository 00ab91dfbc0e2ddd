/** What is written to Claude's stdin with `--input-format stream-json`: one JSON object a line. */

/** A message of the user. Claude echoes it with the same uuid when it takes it up, and skips a uuid that its session already has. */
export const userLine = (id: string, text: string): string =>
  line({ type: "user", message: { role: "user", content: text }, uuid: id });

/** Ends the running turn and its tools; the session goes on. */
export const interruptLine = (id: string): string =>
  line({ type: "control_request", request_id: id, request: { subtype: "interrupt" } });

const line = (content: unknown): string => `${JSON.stringify(content)}\n`;
