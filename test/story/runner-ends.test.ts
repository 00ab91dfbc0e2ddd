import { expect, test } from "vitest";
import { startServer } from "../support/a-server.ts";
import { aWorld } from "../support/a-world.ts";

test.concurrent("a runner that may drain for a second gives back what still runs then, without losing an attempt for it", async () => {
  await using world = await aWorld();
  await world.serve({ direct: true, args: ["--no-runner"] });
  const args = ["--drain-timeout", "1"];
  const runner = await startServer(world.env, { command: "runner", direct: true, args });
  const { id } = await world.submit({ task: "Work. [[scenario:text]] [[hold:gate]]" });
  await world.until(id, ({ phase }) => phase === "running");

  expect(await runner.end("SIGTERM")).toBe(0);

  const job = await world.job(id);
  expect(job).toMatchObject({ status: "queued", attempts: [{ number: 1, reason: "drained" }] });
  expect(world.jobProcesses()).toEqual([]);
  world.model.release("gate");
  const next = await world.runner();
  expect(await world.ended(id)).toMatchObject({ status: "succeeded" });
  expect(await next.end("SIGTERM")).toBe(0);
});

test.concurrent("a runner that is told to end in the moment in which it is up drains all the same", async () => {
  await using world = await aWorld();
  for (let round = 0; round < 3; round += 1) expect(await (await world.runner()).end("SIGTERM")).toBe(0);
});
