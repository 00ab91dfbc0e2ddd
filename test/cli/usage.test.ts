import { expect, test } from "vitest";
import { commandTable } from "../../cli/command-table.ts";
import { aCli } from "../support/a-cli.ts";

const wrong: readonly (readonly [string, RegExp])[] = [
  ["jbos", /unknown command 'jbos'[\s\S]*Did you mean jobs\?/],
  ["jobs --limt 5", /unknown option '--limt'[\s\S]*Did you mean --limit\?/],
  ["jobs -n zero", /whole number from 1 to 10000/],
  ["jobs -n 0", /whole number from 1 to 10000/],
  ["jobs -s done", /Allowed choices are queued, running, succeeded/],
  ["jobs extra", /too many arguments/],
  ["job", /missing required argument 'id'/],
  ["job xyz", /`xyz` is not a job's id/],
  ["run", /missing required argument 'task'[\s\S]*agenticore run --help/],
  ["run fix the bug", /too many arguments/],
  ["run x --priority 11", /whole number from -10 to 10/],
  ["run x --max-budget-usd 0", /number from 0.01 to 1000/],
  ["run x -r /no/such/folder", /There is no folder \/no\/such\/folder/],
  ["run x -r file:///srv/git/x", /address is none of https:\/\/host\/path/],
  ["run x -r https://me:word@git.example/x", /address contains a user name or password/],
  ["run x --base-ref a..b", /--base-ref <ref>' argument 'a\.\.b' is invalid\. It contains `\.\.`/],
  ["run x --session-id abc", /--session-id <id>' argument 'abc' is invalid\. It must be a whole id/],
  ["run x --worktree-id abc", /--worktree-id <id>' argument 'abc' is invalid\. It must be a whole id/],
  ["run x --pool Big", /It must be a pool's name: a-z/],
  ["run x -p ../code", /It must be a profile's name: letters/],
  ["worktree show abc", /'abc' is invalid for argument 'id'\. It must be a whole id/],
  ["worktree cleanup abc", /'abc' is invalid for argument 'ids'\. It must be a whole id/],
  ["help jbos", /unknown command 'jbos'[\s\S]*Did you mean jobs\?/],
  ["--json jobs", /unknown option '--json'[\s\S]*stands behind its name/],
  ["serve --port 70000", /whole number from 0 to 65535/],
  ["serve --transport pigeon", /Allowed choices are http, sse, stdio/],
  ["drain --timeout soon", /whole number from 0/],
  ["init-shared-fs", /--shared-root/],
  ["update --source=--evil", /takes a package/],
];

test.each(wrong)("`agenticore %s` is wrong usage: exit code 2, a sentence, and no data", async (line, says) => {
  const { code, out, err } = await aCli().run(...line.split(" "));

  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toMatch(says);
});

test("without a command the help is shown", async () => {
  const { code, out, err } = await aCli().run();

  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const name of Object.keys(commandTable)) expect(out).toContain(`  ${name} `);
});

test.each(Object.keys(commandTable))(
  "`agenticore %s --help` shows examples that the program understands",
  async (name) => {
    const { code, out } = await aCli().run(name, "--help");

    expect(code).toBe(0);
    const examples = out.slice(out.indexOf("Examples:")).split("\n").slice(1).filter(Boolean);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toMatch(new RegExp(`agenticore ${name}\\b`));
  },
);

test("where no server answers, commands that need one end with 3 and say how to start one", async () => {
  const cli = aCli({ env: { AGENTICORE_URL: "http://127.0.0.1:9" } });
  const id = "7b5ac5b4-6d3c-4d1c-9d0e-6f5a0f7a9f11";
  for (const line of [
    ["run", "x"],
    ["run", "x", "--follow"],
    ["jobs"],
    ["job", id],
    ["job", id, "--follow"],
    ["cancel", id],
    ["profiles"],
    ["status"],
    ["drain"],
  ]) {
    const { code, out, err } = await cli.run(...line);
    expect({ line, code, out }).toEqual({ line, code: 3, out: "" });
    expect(err).toContain("agenticore serve");
  }
});

test("colours are for terminals, and not for those who do not want them", async () => {
  const colour = "\u001b[";
  expect((await aCli({ terminal: 100 }).run("config")).out).toContain(colour);
  expect((await aCli({ terminal: 100, env: { NO_COLOR: "1" } }).run("config")).out).not.toContain(colour);
  expect((await aCli().run("config")).out).not.toContain(colour);
});
