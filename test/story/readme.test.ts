import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { blocksOf, commandsOf, curl, runModule, words } from "../support/documented.ts";

const checkout = resolve(import.meta.dirname, "../..");
const readme = readFileSync(join(checkout, "README.md"), "utf8");
const commands = blocksOf("README.md", "sh").flatMap(commandsOf);

test("the README is short, and every command in it works as written", async () => {
  expect(readme.split("\n").length).toBeLessThanOrEqual(120);
  const { scripts } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const { url } = await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Say hello [[scenario:text say=hello]]" });
  await world.ended(id);
  let tried = 0;
  let foundByNpx = false;

  for (const line of commands) {
    const command = line.replaceAll("<id>", id).replace("~/src/my-project", repo.path);
    const [program, ...args] = words(command);
    if (command === "npm ci") continue; // this very test runs behind it
    if (program === "npm")
      expect(scripts, line).toHaveProperty([args[0] === "run" ? (args[1] ?? "") : (args[0] ?? "")]);
    else if (program === "npx") {
      const [name, ...rest] = args;
      expect(name, line).toBe("agenticore");
      // What npx finds once it finds each time, and takes longer for it than most commands.
      const { code, stderr } = await (foundByNpx ? world.cli(rest) : world.npx(rest));
      foundByNpx = true;
      expect(code, `${line}: ${stderr}`).toBe(0);
    } else if (program === "curl") {
      const { status, type, text } = await curl(command, url);
      expect(status, `${line}: ${text}`).toBe(200);
      if (type.startsWith("text/event-stream")) expect(text).toMatch(/^event: job\.succeeded$/m);
    } else throw new Error(`The README has a command that this test does not know: ${line}`);
    tried += 1;
  }
  expect(tried).toBeGreaterThan(10);
  const modules = blocksOf("README.md", "js");
  expect(modules).toHaveLength(1);
  for (const module of modules) {
    const { code, stdout, stderr } = await runModule(module, { url });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^job\.succeeded$/m);
  }
});
