/** One frame of an event stream (WHATWG HTML, server-sent events). Newlines in data become further `data:` lines. */
export type SseFrame = Readonly<{ id?: string; event?: string; data: string }>;

export function encodeSse(frame: SseFrame): string {
  const head = `${frame.id === undefined ? "" : `id: ${frame.id}\n`}${frame.event === undefined ? "" : `event: ${frame.event}\n`}`;
  const data = frame.data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("");
  return `${head}${data}\n`;
}

/** A comment: keeps the connection alive and is no event. */
export const sseKeepAlive = ": keep-alive\n\n";

/** Reads frames from any split of the stream into chunks; comments and retry fields are passed over. */
export async function* decodeSse(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SseFrame> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    // A lone CR at the end may be half of a CRLF: it waits for the next chunk.
    const ready = text.endsWith("\r") ? text.slice(0, -1) : text;
    const frames = ready.replace(/\r\n|\r/g, "\n").split("\n\n");
    text = (frames.pop() ?? "") + text.slice(ready.length);
    for (const frame of frames.map(parseFrame)) if (frame) yield frame;
  }
}

function parseFrame(block: string): SseFrame | undefined {
  const fields = block.split("\n").flatMap((line) => {
    const match = /^([^:]+)(?:: ?(.*))?$/.exec(line);
    return match ? [{ name: match[1] ?? "", value: match[2] ?? "" }] : [];
  });
  const data = fields.filter((field) => field.name === "data").map((field) => field.value);
  if (data.length === 0) return undefined;
  const id = fields.findLast((field) => field.name === "id")?.value;
  const event = fields.findLast((field) => field.name === "event")?.value;
  return { data: data.join("\n"), ...(id === undefined ? {} : { id }), ...(event === undefined ? {} : { event }) };
}
