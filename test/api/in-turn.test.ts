import { type ErrorHandler, Hono } from "hono";
import { expect, test } from "vitest";
import type { ApiEnv } from "../../api/asked.ts";
import { inTurn, type Step } from "../../api/in-turn.ts";

/** A route behind these steps, in two middlewares; `seen` is what happened, in its order. */
function behind(seen: string[], first: readonly Step[], second: readonly Step[]) {
  const app = new Hono<ApiEnv>();
  const refused: ErrorHandler<ApiEnv> = (error, c) => {
    seen.push(`error ${error.message}`);
    return c.text("refused", 403);
  };
  app.onError(refused);
  app.use(inTurn(first, refused));
  app.use(inTurn(second, refused));
  app.get("/", (c) => {
    seen.push("route");
    return c.text("done");
  });
  return async () => (await app.request("/")).status;
}

test("steps come one after the other, whether they wait or not, and what they leave to do comes in reverse order after the route", async () => {
  const seen: string[] = [];
  const step = (name: string): Step => ({
    before: () => void seen.push(name),
    after: () => void seen.push(`after ${name}`),
  });
  const slow = (name: string): Step => ({
    before: async () => {
      await Promise.resolve();
      seen.push(name);
    },
    after: async () => {
      await Promise.resolve();
      seen.push(`after ${name}`);
    },
  });
  const before: Step = { before: () => void seen.push("first alone") };
  const after: Step = { after: () => void seen.push("last alone") };
  const ask = behind(seen, [step("a"), slow("b"), before, after], [slow("c"), step("d")]);

  expect(await ask()).toBe(200);

  const begun = ["a", "b", "first alone", "c", "d"];
  expect(seen).toEqual([...begun, "route", "after d", "after c", "last alone", "after b", "after a"]);
});

test("what a step throws is the answer: nothing behind it happens, and what is before it is still done", async () => {
  const seen: string[] = [];
  const outer: Step = { after: (c) => void seen.push(`after ${c.res.status}`) };
  const refusing: Step = {
    before: () => {
      throw new Error("no");
    },
    after: () => void seen.push("after its own refusal"),
  };
  const inner: Step = { after: (c) => void seen.push(`inner after ${c.res.status}`) };
  const behindIt: Step = { before: () => void seen.push("behind it"), after: () => void seen.push("after it") };
  const ask = behind(seen, [outer], [inner, refusing, behindIt]);

  expect(await ask()).toBe(403);

  expect(seen).toEqual(["error no", "inner after 403", "after 403"]);
});
