import { expect, test } from "vitest";
import { compiled } from "../../api/compiled.ts";
import { SubmitRequest } from "../../shared/reply.ts";

test("a compiled schema takes and refuses what the schema does, in the same words", () => {
  const quick = compiled(SubmitRequest);
  const task = "Add a test";
  const bodies: unknown[] = [
    { task },
    { task, metadata: { team: "a", constructor: "b" }, priority: -3, pool: "big", wait: true, wait_seconds: 3 },
    JSON.parse('{"task":"x","metadata":{"__proto__":"y"}}'),
    ...[{ task: " \n" }, { task, metadata: { "": "x" } }, { task, metadata: { a: 1 } }, { task, metadata: ["a"] }],
    ...[{ task, priority: 11 }, { task, priority: 0.5 }, { task, colour: "red" }, { pool: "Big" }, [], null, "x"],
  ];
  for (const body of bodies) {
    const { success, data, error } = SubmitRequest.safeParse(body);
    const found = quick().safeParse(body);
    expect([found.success, found.data, found.error?.issues]).toEqual([success, data, error?.issues]);
    expect(Object.keys(found.data ?? {})).toEqual(Object.keys(data ?? {}));
  }
});

test("it is compiled once", () => {
  const quick = compiled(SubmitRequest);
  const first = quick();
  expect(first).not.toBe(SubmitRequest);
  expect(quick()).toBe(first);
});
