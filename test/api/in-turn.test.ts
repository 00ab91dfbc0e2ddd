import { type ErrorHandler, Hono } from "hono";
import { expect, test } from "vitest";
import type { ApiEnv } from "../../api/deps.ts";
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
  const step =
    (name: string): Step =>
    () => {
      seen.push(name);
      return () => void seen.push(`after ${name}`);
    };
  const slow =
    (name: string): Step =>
    async () => {
      await Promise.resolve();
      seen.push(name);
      return async () => {
        await Promise.resolve();
        seen.push(`after ${name}`);
      };
    };
  const alone: Step = () => void seen.push("alone");
  const ask = behind(seen, [step("a"), slow("b"), alone], [slow("c"), step("d")]);

  expect(await ask()).toBe(200);

  const before = ["a", "b", "alone", "c", "d"];
  expect(seen).toEqual([...before, "route", "after d", "after c", "after b", "after a"]);
});

test("what a step throws is the answer: nothing behind it happens, and what is before it is still done", async () => {
  const seen: string[] = [];
  const outer: Step = (c) => () => void seen.push(`after ${c.res.status}`);
  const refusing: Step = () => {
    throw new Error("no");
  };
  const inner: Step = (c) => () => void seen.push(`inner after ${c.res.status}`);
  const ask = behind(seen, [outer], [inner, refusing, () => void seen.push("behind it")]);

  expect(await ask()).toBe(403);

  expect(seen).toEqual(["error no", "inner after 403", "after 403"]);
});
