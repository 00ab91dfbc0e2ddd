import { expect, test } from "vitest";
import { lineLog } from "../../../api/edge/line-log.ts";
import { redactor } from "../../../shared/redact.ts";

test("a line is JSON with its time, level and facts, without secrets; lower levels are left out", () => {
  const lines: [string, string][] = [];
  const log = lineLog({
    level: "info",
    redact: redactor(["a-secret-value"]),
    now: () => 0,
    write: (level, line) => lines.push([level, line]),
  }).child({ job: "1" });
  log.debug("not this");
  log.warn("that", { error: new Error("no a-secret-value"), n: 2 });

  expect(lines.map(([level]) => level)).toEqual(["warn"]);
  const [, line = ""] = lines[0] ?? [];
  expect(JSON.parse(line)).toMatchObject({
    level: "warn",
    time: "1970-01-01T00:00:00.000Z",
    msg: "that",
    job: "1",
    n: 2,
  });
  expect(JSON.parse(line).error).toMatchObject({ name: "Error", message: "no [redacted]" });
});
