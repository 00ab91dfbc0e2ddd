import { EventEmitter } from "node:events";
import type { Context } from "hono";
import { expect, test } from "vitest";
import type { ApiEnv } from "../../api/asked.ts";
import { openBody } from "../../api/incoming-body.ts";

/** A request of five bytes on Node, of which what its `Request` knows is told apart from what its stream says. */
function aRequest(destroyed = false) {
  const incoming = Object.assign(new EventEmitter(), { destroyed });
  const raw = new Request("http://127.0.0.1/jobs", { method: "POST", body: "known" });
  const body = openBody({ req: { raw }, env: { incoming } } as unknown as Context<ApiEnv>);
  const send = (text: string) => incoming.emit("data", Buffer.from(text));
  return { incoming, body, send, text: async () => Buffer.from(await body.whole(5)).toString() };
}

test("a body is whole with its last byte, in however many pieces it comes", async () => {
  for (const pieces of [["fresh"], ["fr", "esh"], ["f", "r", "e", "s", "h"]]) {
    const { send, text, incoming, body } = aRequest();
    const read = text();
    pieces.forEach(send);
    incoming.emit("close");
    expect(await read).toBe("fresh");
    expect(body.isOver()).toBe(true);
  }
});

test("a body that breaks off is a bad request", async () => {
  const { send, text, incoming } = aRequest();
  const read = text();
  send("fres");
  incoming.emit("close");
  await expect(read).rejects.toMatchObject({ code: "invalid_request", message: "The body broke off." });
});

test("of a connection that is closed before anything was read counts what had come", async () => {
  const closing = aRequest();
  const read = closing.text();
  closing.incoming.emit("close");
  expect(await read).toBe("known");
  expect(await aRequest(true).text()).toBe("known");
});
