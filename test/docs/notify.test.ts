import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pinnedPost } from "../../shared/notify/post.node.ts";
import { deliverNotices } from "../../shared/notify/sender.ts";
import { Secret } from "../../shared/secret.ts";
import { queue, read } from "../contract/store/store-world.ts";
import { eventually } from "../support/eventually.ts";
import { memoryLog } from "../support/memory-log.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/** The receiver of docs/notify.md, as somebody would start it. */
async function theReceiver() {
  const page = readFileSync(join(import.meta.dirname, "../../docs/notify.md"), "utf8");
  const code = /```js\n\/\/ receiver\.mjs\n([\s\S]*?)```/.exec(page)?.[1];
  const dir = mkdtempSync(join(tmpdir(), "agenticore-receiver-"));
  writeFileSync(join(dir, "receiver.mjs"), code ?? "");
  const child = spawn(process.execPath, [join(dir, "receiver.mjs")], {
    env: { PORT: "0", AGENTICORE_NOTIFY_SECRET: `another text of more than twenty-four letters,${secret}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk));
  const gone = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill();
    await gone;
    rmSync(dir, { recursive: true, force: true });
  });
  const port = await eventually(() => /receiver on (\d+)/.exec(printed)?.[1], { what: "the receiver is up" });
  return { url: `http://127.0.0.1:${port}/`, printed: () => printed };
}

test("the receiver of the documents takes what is genuine, once, and refuses what is forged, changed or old", async () => {
  const receiver = await theReceiver();
  await using world = await sqliteWorld();
  world.clock.jump(Date.now() - world.clock.now());
  const { store, clock } = world;
  const id = await queue(store, { job: { notify_url: receiver.url } });
  await store.cancel(id, { name: "somebody" });
  const post = pinnedPost({ allowed: ["127.0.0.1"] });
  const sent: Readonly<{ headers: Readonly<Record<string, string>>; body: string }>[] = [];
  await deliverNotices({
    ...{ store, clock, log: memoryLog(), allowed: ["127.0.0.1"], secrets: [new Secret(secret)], random: Math.random },
    redact: (text) => text,
    post: (url, message, signal) => {
      sent.push(message);
      return post(url, message, signal);
    },
  });
  expect((await read(store, id)).notify).toMatchObject({ delivered: 1 });
  await eventually(() => receiver.printed().includes(`job.cancelled ${id}`), { what: "it is printed" });

  const [genuine] = sent;
  if (!genuine) throw new Error("nothing was sent");
  const again = async (headers: Record<string, string> = {}, body = genuine.body) =>
    (await fetch(receiver.url, { method: "POST", headers: { ...genuine.headers, ...headers }, body })).status;
  expect(await again()).toBe(204);
  expect(await again({}, genuine.body.replace("cancelled", "succeeded"))).toBe(401);
  expect(await again({ "webhook-id": "msg_other" })).toBe(401);
  expect(await again({ "webhook-timestamp": String(Math.floor(Date.now() / 1_000) - 3_600) })).toBe(401);
  expect(await again({ "webhook-timestamp": "now" })).toBe(401);
  expect(await again({ "webhook-signature": `v1,${"A".repeat(43)}=` })).toBe(401);
  expect(await again({ "webhook-signature": "" })).toBe(401);
  expect(receiver.printed().match(/job\.cancelled/g)).toHaveLength(1);
});
