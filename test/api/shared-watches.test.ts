import { expect, test } from "vitest";
import type { ApiDeps } from "../../api/deps.ts";
import { sharedWatches } from "../../api/shared-watches.ts";
import type { JobStore } from "../../shared/store.ts";
import { aNewJob } from "../support/a-job.ts";
import { fakeClock } from "../support/fake-clock.ts";

function watching() {
  const clock = fakeClock();
  const tell: (() => void)[] = [];
  const stopping = new AbortController();
  let aborted = 0;
  const changed: JobStore["changed"] = ({ signal }) =>
    new Promise((resolve) => {
      tell.push(resolve);
      signal?.addEventListener("abort", () => {
        aborted += 1;
        resolve();
      });
    });
  const deps = { clock, stopping: stopping.signal, store: { changed } } as unknown as ApiDeps;
  const open = sharedWatches(deps);
  const { job } = aNewJob();
  const watch = (signal = new AbortController().signal) => open({ job: job.id, signal });
  return { clock, stopping, tell, watch, aborted: () => aborted };
}

test("all who watch a job have one wait of the store's, and each hears of a change", async () => {
  const { clock, tell, watch } = watching();
  const all = [watch(), watch(), watch()];
  for (const one of all) one.begin();
  const waits = all.map((one) => one.wait(1_000));
  expect(tell).toHaveLength(1);
  expect(clock.sleepers()).toBe(1);
  tell[0]?.();
  await Promise.all(waits);
  expect(clock.sleepers()).toBe(0);
});

test("what changes between the beginning and the wait is not missed", async () => {
  const { clock, tell, watch } = watching();
  const one = watch();
  one.begin();
  tell[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  await one.wait(1_000);
  expect(clock.sleepers()).toBe(0);
});

test("each wait ends at its own time, by its own signal, or when the process ends", async () => {
  const { clock, stopping, watch } = watching();
  const gone = new AbortController();
  const over: string[] = [];
  const wait = (name: string, ms: number, signal?: AbortSignal) => {
    const one = watch(signal);
    one.begin();
    return one.wait(ms).then(() => over.push(name));
  };
  const late = wait("late", 2_000);
  const early = wait("early", 1_000);
  const aborted = wait("aborted", 9_000, gone.signal);
  const stopped = wait("stopped", 9_000);
  clock.advance(1_000);
  await early;
  clock.advance(1_000);
  await late;
  gone.abort();
  await aborted;
  stopping.abort();
  await stopped;
  expect(over).toEqual(["early", "late", "aborted", "stopped"]);
});

test("the store's wait ends with the last who watches", () => {
  const { watch, aborted } = watching();
  const [one, other] = [watch(), watch()];
  one.begin();
  other.begin();
  one[Symbol.dispose]();
  expect(aborted()).toBe(0);
  other[Symbol.dispose]();
  expect(aborted()).toBe(1);
});
