import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { aReceiver } from "../support/a-receiver.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

const secret = "a text of more than twenty-four letters";

test.concurrent("whoever sends is killed while the receiver thinks: another process sends it again, and told once each the receiver knows it all", async () => {
  await using receiver = await aReceiver(
    500,
    () => undefined, // it thinks, for ever
  );
  await using world = await aWorld({ AGENTICORE_NOTIFY_ALLOWED: "127.0.0.1", AGENTICORE_NOTIFY_SECRET: secret });
  const first = await world.serve({ direct: true, args: ["--no-runner"] });
  const { code, stdout } = await world.cli(["run", "Add a test", "--notify", receiver.url]);
  const id = stdout.trim();
  expect(code).toBe(0);
  await world.call("POST", `/jobs/${id}/cancel`, {});

  const refused = await world.until(id, (job) => job["notify"] !== undefined);
  expect(refused).toMatchObject({
    status: "cancelled",
    notify: { attempts: 1, last_error: "The receiver answered 500." },
  });
  await eventually(() => receiver.received.length === 2, { what: "it is sent again" });
  const second = await world.serve({ direct: true, args: ["--no-runner"] });
  await first.kill();

  const told = await world.until(id, ({ notify }) => (notify as { delivered: number }).delivered === 1);
  expect(told["notify"]).toMatchObject({ attempts: 2, delivered_at: expect.any(String) });
  expect(told["notify"]).not.toHaveProperty("last_error");
  const { received } = receiver;
  expect(received).toHaveLength(3);
  expect(new Set(received.map((one) => one.id)).size).toBe(1);
  for (const { headers, body } of received) {
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
    expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", secret).update(signed).digest("base64")}`);
    expect(JSON.parse(body)).toMatchObject({ type: "job.cancelled", data: { job: { id, status: "cancelled" } } });
  }
  expect(first.stderr()).toContain("a notification was not taken");
  expect(second.stderr()).toContain("notified");
  expect(first.stderr() + second.stderr()).not.toContain(secret);
});

test.concurrent("what ends on a runner that sends nothing, a server that does tells within seconds, though it looks once a minute by itself", async () => {
  await using receiver = await aReceiver();
  const env = { AGENTICORE_NOTIFY_ALLOWED: "127.0.0.1", AGENTICORE_NOTIFY_SECRET: secret };
  await using world = await aWorld();
  await world.serve({ direct: true, args: ["--no-runner"], env });
  await world.runner();
  const { id } = await world.submit({ task: "Say it. [[scenario:text say=done]]", notify_url: receiver.url });
  await eventually(() => receiver.received.length === 1, { what: "it is told" });
  const [told] = receiver.received;
  const { timestamp, data } = JSON.parse(told?.body ?? "");
  expect(data).toMatchObject({ job: { id, status: "succeeded" } });
  expect((told?.at ?? 0) - Date.parse(timestamp)).toBeLessThan(20_000);
});

test.concurrent("a runner that has the secret sends too, of a job that ended on it", async () => {
  await using receiver = await aReceiver();
  const env = { AGENTICORE_NOTIFY_ALLOWED: "127.0.0.1", AGENTICORE_NOTIFY_SECRET: secret };
  await using world = await aWorld();
  const server = await world.serve({ direct: true, args: ["--no-runner"], env });
  const runner = await world.runner(env);
  const { id } = await world.submit({ task: "Say it. [[scenario:text say=done]]", notify_url: receiver.url });
  // Only the runner is left to tell of it.
  await server.kill();
  await eventually(() => receiver.received.length === 1, { what: "it is told" });
  expect(receiver.received).toMatchObject([{ type: "job.succeeded" }]);
  expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({ data: { job: { id, status: "succeeded" } } });
  expect(await runner.end("SIGTERM")).toBe(0);
});
