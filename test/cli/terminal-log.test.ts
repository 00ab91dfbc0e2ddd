import { expect, test } from "vitest";
import { printer } from "../../cli/print.ts";
import { terminalLog } from "../../cli/terminal-log.ts";
import { redactor } from "../../shared/redact.ts";

test("a person's log lines have time, message and facts, no secret, and nothing that steers the terminal", () => {
  let err = "";
  const out = {
    write: (text: string) => {
      err += text;
    },
  };
  const log = terminalLog({
    level: "info",
    redact: redactor(["a-token-of-ours"]),
    print: printer({ out, err: out, env: {} }),
    now: () => Date.parse("2026-03-01T12:00:00.000Z"),
  });

  log.child({ job: "j1" }).info("started", { path: "/srv/x", text: "two words", token: "a-token-of-ours" });
  log.debug("too much");
  log.warn("odd\u001b[2J");
  log.error("failed", { error: new Error("why") });

  const lines = err.replace(/\d\d:\d\d:\d\d/g, "TIME").split("\n");
  expect(lines).toEqual([
    'TIME started job=j1 path=/srv/x text="two words" token=[redacted]',
    "warning: TIME odd",
    'error: TIME failed error="why"',
    "",
  ]);
});
