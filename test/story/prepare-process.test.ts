import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const checkout = resolve(import.meta.dirname, "../..");
const prepare = join(checkout, "bin/prepare-process.js");

/** A small checkout of another program, whose script prepares itself as ours does and then does `act`. */
function aProgram(act: string) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-prepare-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const script = join(root, "script.mjs");
  const part = join(root, "shared/part.ts");
  mkdirSync(join(root, "shared"));
  writeFileSync(part, "export const part: string = 'typed';\n");
  writeFileSync(
    script,
    `import { prepareProcess } from ${JSON.stringify(prepare)};
     prepareProcess({ root: ${JSON.stringify(root)}, script: ${JSON.stringify(script)}, command: process.argv[2], isBuilt: false });
     const { part } = await import("./shared/part.ts");
     ${act}`,
  );
  const run = (...args: readonly string[]) =>
    new Promise<string>((done, failed) => {
      execFile(process.execPath, [script, ...args], (error, stdout) => (error ? failed(error) : done(stdout)));
    });
  const compiled = (name: string) => {
    const folder = join(root, ".cache/compiled", name);
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0;
  };
  return { root, part, run, compiled };
}

/** Who strips types keeps the means to it, a WebAssembly module, in its memory. */
const tellsMemory = "console.log(part, process.memoryUsage.rss());";

test("the first start of a service leaves stripping types to a process that ends; each command has its own cache", async () => {
  const program = aProgram(tellsMemory);
  const stripping = Number((await program.run("jobs")).split(" ")[1]);
  const service = Number((await program.run("serve")).split(" ")[1]);

  expect(program.compiled("commands")).toBeGreaterThan(0);
  expect(program.compiled("serve")).toBeGreaterThan(0);
  expect(stripping - service).toBeGreaterThan(5_000_000);
});

test("where nothing can be kept, programs run all the same", async () => {
  const program = aProgram("console.log(part);");
  mkdirSync(join(program.root, ".cache"));
  writeFileSync(join(program.root, ".cache/compiled"), "in the way");

  expect(await program.run("serve")).toBe("typed\n");
  expect(await program.run("jobs")).toBe("typed\n");
});

test("a service of a changed checkout runs what is there now, and stays as small", async () => {
  const program = aProgram(tellsMemory);
  const [, before] = (await program.run("serve")).split(" ");
  writeFileSync(program.part, "export const part: string = 'changed';\n");
  const [part, after] = (await program.run("serve")).split(" ");

  expect(part).toBe("changed");
  expect(Number(after) - Number(before)).toBeLessThan(5_000_000);
});
