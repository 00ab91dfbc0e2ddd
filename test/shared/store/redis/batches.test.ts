import { expect, test } from "vitest";
import { openBatches } from "../../../../shared/store/redis/batches.ts";
import { type Reply, type Script, WireError } from "../../../../shared/store/redis/wire.ts";
import { fakeClock } from "../../../support/fake-clock.ts";

const script: Script = { name: "echo", source: "", many: true };
type Sent = Readonly<{ keys: readonly string[]; words: readonly unknown[]; settle: PromiseWithResolvers<Reply> }>;

/** Batches over a wire that answers when the test says so: each call with its own word, `w-` before it. */
function desk() {
  const sent: Sent[] = [];
  const clock = fakeClock();
  const wire = {
    run: (_: Script, keys: readonly string[], words: readonly unknown[]) => {
      const settle = Promise.withResolvers<Reply>();
      sent.push({ keys, words, settle });
      return settle.promise;
    },
  };
  const call = openBatches({ wire, clock, meta: "p:meta", limits: "2" });
  const say = (word: string) => call({ script, key: `p:job:${word}`, args: [word] });
  const answer = (at: number) => {
    const one = sent[at];
    one?.settle.resolve(
      one.words
        .slice(2)
        .map((word) => `w-${word}`)
        .map((word) => [word]),
    );
  };
  /** All that is ready to go on has gone on. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { sent, clock, say, answer, settled, words: () => sent.map(({ words }) => words.slice(2)) };
}

test("calls of one turn go together, and each is told its own answer", async () => {
  const { sent, say, answer, settled } = desk();
  const calls = Promise.all(["a", "b", "c"].map(say));
  await settled();

  expect(sent).toMatchObject([{ keys: ["p:meta", "p:job:a", "p:job:b", "p:job:c"], words: ["2", 3, "a", "b", "c"] }]);
  answer(0);
  expect(await calls).toEqual([["w-a"], ["w-b"], ["w-c"]]);
});

test("what comes while Redis works goes when it has answered, or after 2 ms, whatever is first", async () => {
  const { say, answer, settled, clock, words } = desk();
  void say("a");
  await settled();
  void say("b");
  void say("c");
  await settled();
  expect(words()).toEqual([["a"]]);
  answer(0);
  await settled();
  expect(words()).toEqual([["a"], ["b", "c"]]);

  void say("d");
  await settled();
  clock.advance(2);
  await settled();
  expect(words()).toEqual([["a"], ["b", "c"], ["d"]]);
});

test("a command takes 25 calls at most, and no more words than Redis reads quickly", async () => {
  const { say, settled, words } = desk();
  for (let n = 0; n < 30; n++) void say(`${n}`);
  await settled();
  expect(words().map((calls) => calls.length)).toEqual([25]);

  const big = desk();
  for (let n = 0; n < 3; n++) void big.say("x".repeat(30_000));
  await big.settled();
  expect(big.words().map((calls) => calls.length)).toEqual([2]);
});

test("a call that Redis refuses is refused alone", async () => {
  const { sent, say, answer, settled } = desk();
  const [good, bad] = [say("good"), say("bad")];
  const refused = expect(bad).rejects.toThrow("ERR bad");
  await settled();
  sent[0]?.settle.reject(new WireError("ERR one of them"));
  await settled();
  answer(1);
  sent[2]?.settle.reject(new WireError("ERR bad"));

  expect(await good).toEqual(["w-good"]);
  await refused;
});

test("where Redis cannot be reached every call is told so, and nothing is sent again", async () => {
  const { sent, say, settled } = desk();
  const calls = Promise.allSettled([say("a"), say("b")]);
  await settled();
  sent[0]?.settle.reject(new Error("away"));

  expect((await calls).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(sent.length).toBe(1);
});
