import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type World } from "../support/a-world.ts";

const checkout = resolve(import.meta.dirname, "../..");
const readme = readFileSync(join(checkout, "README.md"), "utf8");
/** The lines of the README's shell blocks, without comments and with continued lines joined. */
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => (block ?? "").replaceAll("\\\n", " ").split("\n"))
  .map((line) => line.replace(/\s{2,}#.*$/, "").trim())
  .filter((line) => line !== "");

/** A command line as a shell splits it: words, 'single' and "double" quotes. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain ?? "");

async function curl(world: World, line: string): Promise<void> {
  const url = /http:\/\/127\.0\.0\.1:8200(\S*)/.exec(line)?.[1] ?? "";
  const body = /-d '([^']*)'/.exec(line)?.[1];
  if (url.endsWith("/events")) {
    expect((await world.events(url.split("/")[2] ?? "")).at(-1)?.type).toMatch(/^job\./);
    return;
  }
  const { status } = await world.call(body === undefined ? "GET" : "POST", url, body);
  expect(status, line).toBe(200);
}

test("the README is short, and every command in it works as written", async () => {
  expect(readme.split("\n").length).toBeLessThanOrEqual(120);
  const { scripts } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  await using world = await aWorld();
  await using repo = await sampleRepo();
  await world.serve();
  const { id } = await world.submit({ task: "Say hello [[scenario:text say=hello]]" });
  await world.ended(id);
  let tried = 0;

  for (const line of commands) {
    const command = line.replaceAll("<id>", id).replace("~/src/my-project", repo.path);
    const [program, ...args] = words(command);
    if (command === "npm ci") continue; // this very test runs behind it
    if (program === "npm")
      expect(scripts, line).toHaveProperty([args[0] === "run" ? (args[1] ?? "") : (args[0] ?? "")]);
    else if (program === "npx") {
      const { code, stderr } = await world.cli(args.slice(1));
      expect(code, `${line}: ${stderr}`).toBe(0);
    } else if (program === "curl") await curl(world, command);
    else throw new Error(`The README has a command that this test does not know: ${line}`);
    tried += 1;
  }
  expect(tried).toBeGreaterThan(10);
});
