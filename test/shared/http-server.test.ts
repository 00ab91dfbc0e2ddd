import { expect, test } from "vitest";
import { systemClock } from "../../shared/clock.node.ts";
import { openHttpServer } from "../../shared/http-server.node.ts";
import { aConnection } from "../support/a-served-api.ts";

const hints = { port: "PORT", host: "HOST" };

test.each([
  ["a body that never comes whole", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"],
  ["headers that never end", "POST / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n"],
])("%s is waited for no longer than said, and the connection is closed", async (_, bytes) => {
  const fetch = async (request: Request) => new Response(await request.text());
  const server = await openHttpServer({ fetch, host: "127.0.0.1", port: 0, clock: systemClock, hints, requestMs: 300 });
  using line = await aConnection(server.port);
  const { status, head } = await line.send(bytes);

  expect(status).toBe(408);
  expect(head).toMatch(/^connection: close$/im);
  await server.close();
});
