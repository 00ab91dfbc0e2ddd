import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { pinnedPost } from "../../../shared/notify/post.node.ts";
import { aReceiver } from "../../support/a-receiver.ts";
import { eventually } from "../../support/eventually.ts";

const message = { headers: { "content-type": "application/json" }, body: '{"type":"ü"}' };
const never = new AbortController().signal;
const at = (address: string) => async () => [{ address, family: address.includes(":") ? 6 : 4 }];

test("a POST goes to the address that was looked up and checked, under the name that was asked for", async () => {
  await using receiver = await aReceiver();
  const names: string[] = [];
  const post = pinnedPost({
    allowed: ["hooks.example", "127.0.0.1"],
    resolve: async (name) => {
      names.push(name);
      // Asked a second time, the name would lead elsewhere.
      return [{ address: names.length === 1 ? "127.0.0.1" : "127.0.0.2", family: 4 }];
    },
  });
  expect(await post(new URL(`http://hooks.example:${receiver.port}/x?y`), message, never)).toBe(204);
  expect(names).toEqual(["hooks.example"]);
  const [got] = receiver.received;
  expect(got?.headers.host).toBe(`hooks.example:${receiver.port}`);
  expect(got?.body).toBe(message.body);
});

test.each(["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254"])(
  "a name that leads to %s is not asked unless that address is named",
  async (address) => {
    await using receiver = await aReceiver();
    const post = pinnedPost({ allowed: ["hooks.example"], resolve: at(address) });
    const url = new URL(`https://hooks.example:${receiver.port}/`);
    await expect(post(url, message, never)).rejects.toThrow("AGENTICORE_NOTIFY_ALLOWED");
    expect(receiver.received).toEqual([]);
  },
);

test("where one address of several may not be reached none is", async () => {
  const both = async () => [...(await at("203.0.114.7")()), ...(await at("10.0.0.1")())];
  const post = pinnedPost({ allowed: ["hooks.example"], resolve: both });
  await expect(post(new URL("https://hooks.example/"), message, never)).rejects.toThrow("AGENTICORE_NOTIFY_ALLOWED");
});

test("an address in the URL itself is checked as well", async () => {
  await using receiver = await aReceiver();
  const url = new URL(receiver.url);
  await expect(pinnedPost({ allowed: ["10.0.0.0/8"] })(url, message, never)).rejects.toThrow("does not name");
  expect(receiver.received).toEqual([]);
});

test("a redirect is answered for and not followed", async () => {
  await using elsewhere = await aReceiver();
  await using receiver = await aReceiver((response) => {
    response.writeHead(307, { location: elsewhere.url }).end();
  });
  expect(await pinnedPost({ allowed: ["127.0.0.1"] })(new URL(receiver.url), message, never)).toBe(307);
  expect(elsewhere.received).toEqual([]);
});

test("of an answer that never ends only the head is read", async () => {
  let isCut = false;
  await using receiver = await aReceiver((response) => {
    response.writeHead(200);
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => void (response.destroyed || response.write(chunk, more));
    response.once("close", () => {
      isCut = true;
    });
    more();
  });
  expect(await pinnedPost({ allowed: ["127.0.0.1"] })(new URL(receiver.url), message, never)).toBe(200);
  await eventually(() => isCut, { what: "the connection is cut" });
});

test("a receiver that says nothing, closes, speaks no HTTP or no TLS, or is not there is told in a sentence without addresses", async () => {
  await using receiver = await aReceiver(
    () => undefined,
    (response) => response.destroy(),
  );
  const post = pinnedPost({ allowed: ["127.0.0.1"] });
  const url = new URL(receiver.url);
  await expect(post(url, message, AbortSignal.timeout(200))).rejects.toThrow();
  await expect(post(url, message, never)).rejects.toThrow("The receiver could not be reached (ECONNRESET).");
  await expect(post(new URL(`https://127.0.0.1:${receiver.port}/`), message, never)).rejects.toThrow(
    /^The receiver could not be reached \(\w+\)\.$/,
  );
  const garbled = createServer((socket) => {
    socket.on("error", () => undefined).resume();
    socket.end("220 mail.example ESMTP\r\n");
  });
  await new Promise<void>((resolve) => garbled.listen(0, "127.0.0.1", resolve));
  const { port } = garbled.address() as AddressInfo;
  const other = new URL(`http://127.0.0.1:${port}/`);
  await expect(post(other, message, never)).rejects.toThrow(/^The receiver could not be reached \(\w+\)\.$/);
  await new Promise((resolve) => garbled.close(resolve));
  await expect(post(other, message, never)).rejects.toThrow("The receiver could not be reached (ECONNREFUSED).");
  const unknown = pinnedPost({ allowed: ["**"], resolve: async () => Promise.reject(new Error("ENOTFOUND")) });
  await expect(unknown(new URL("https://nowhere.example/"), message, never)).rejects.toThrow("could not be looked up");
});

test.each([
  [
    "switches to another protocol",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    101,
  ],
  [
    "says that it goes on, again and again",
    `${"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)}HTTP/1.1 204 No Content\r\n\r\n`,
    204,
  ],
  [
    "answers twice, before it has read all",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 500 No\r\n\r\n",
    200,
  ],
  ["has a head of 100 kB", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}\r\n\r\n`, "HPE_HEADER_OVERFLOW"],
  ["says nothing more of itself", "HTTP/1.1 ", "The request was broken off"],
])("a receiver that %s holds nothing up", async (_, text, said) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.write(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const long = { headers: {}, body: "x".repeat(1_000_000) };
  const stop = new AbortController();
  const sent = pinnedPost({ allowed: ["127.0.0.1"] })(new URL(`http://127.0.0.1:${port}/`), long, stop.signal);
  if (said === "The request was broken off") {
    await eventually(() => sockets.size === 1);
    stop.abort();
  }
  if (typeof said === "number") expect(await sent).toBe(said);
  else await expect(sent).rejects.toThrow(said);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test("a name server that hangs is waited for by two lookups at once, of different names, and by no more", async () => {
  const asked: string[] = [];
  let answer: () => void = () => undefined;
  const post = pinnedPost({
    allowed: ["*.example"],
    resolve: async (name) => {
      asked.push(name);
      if (asked.length < 3) await new Promise<void>((done) => (answer = done));
      return [];
    },
  });
  const names = ["a", "a", "b", "b", "c"];
  const sent = names.map((name) => post(new URL(`https://${name}.example/`), message, never).catch(String));
  await eventually(() => asked.length === 2);
  expect(asked).toEqual(["a.example", "b.example"]);
  answer();
  await eventually(() => asked.length === 3);
  expect(await sent[4]).toContain("could not be looked up");
  expect(await sent[2]).toContain("could not be looked up");
  expect(asked).toEqual(["a.example", "b.example", "c.example"]);
});
