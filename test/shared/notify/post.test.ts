import type { AddressInfo } from "node:net";
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
