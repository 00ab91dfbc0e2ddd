import { expect, test } from "vitest";
import type { Place } from "./door-contract.ts";

type Bad = readonly [what: string, status: number, method: string, path: string, body?: unknown, type?: string];
const missing = "00000000-0000-4000-8000-000000000000";
const cases: readonly Bad[] = [
  ["what is no JSON", 400, "POST", "/jobs", '{"task": '],
  ["a list for a task", 400, "POST", "/jobs", ["x"]],
  ["deep nesting", 400, "POST", "/jobs", `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`],
  ["an unknown field", 400, "POST", "/jobs", { task: "x", colour: "red" }],
  ["no task", 400, "POST", "/jobs", {}],
  ["no body", 400, "POST", "/jobs"],
  ["a huge number", 400, "POST", "/jobs", '{"task":"x","timeout_seconds":1e400}'],
  ["another type", 415, "POST", "/jobs", "task=x", "application/x-www-form-urlencoded"],
  ["what is not UTF-8 by its type", 415, "POST", "/jobs", "{}", "application/json; charset=utf-16"],
  ["more than 1 MiB", 413, "POST", "/jobs", { task: "x".repeat(1_100_000) }],
  ["a cancel of nothing", 404, "POST", `/jobs/${missing}/cancel`],
  ["a wait that is too long", 400, "GET", `/jobs/${missing}?wait=100000`],
  ["a parameter that there is not", 400, "GET", "/jobs?colour=red"],
  ["a cursor of somebody else", 400, "GET", "/jobs?cursor=abc"],
  ["an id that is none", 404, "GET", "/jobs/..%2F..%2Fetc%2Fpasswd"],
  ["a job that there is not", 404, "GET", `/jobs/${missing}`],
  ["a path that there is not", 404, "GET", "/nowhere"],
  ["a method that there is not", 405, "PUT", "/jobs", {}],
  ["a repository that is not allowed", 422, "POST", "/jobs", { task: "x", repo_url: "/etc" }],
];

export function badInput({ caller }: Place): void {
  test.each(cases.map((bad) => ({ what: bad[0], status: bad[1], bad })))(
    "$what is answered with $status, as a problem that says what is wrong",
    async ({ bad }) => {
      const [, status, method, path, body, type] = bad;
      const me = await caller();
      const answer = await me.send(method, path, body, type === undefined ? {} : { "content-type": type });

      expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "application/problem+json"]);
      expect(answer.body).toMatchObject({ success: false, status, request_id: answer.headers.get("x-request-id") });
      expect(answer.body["detail"]).toBeTruthy();
      expect(answer.text).not.toMatch(/\bat \S+ \(|node_modules|\.ts:\d/);
    },
  );
}
