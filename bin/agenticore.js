#!/usr/bin/env node
// Plain JavaScript that any Node runs, so that an old one gets help and not a syntax error.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The first that runs the sources as they are (`await using`, types stripped), and the one that the tests run on. */
const oldestNode = 24;
const root = new URL("..", import.meta.url);
const built = new URL("dist/cli/main.js", root);
const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const [command, ...rest] = process.argv.slice(2);

if (["version", "--version", "-V"].includes(command) && rest.every((option) => option === "--json")) {
  // Answered here: the modules of any other command cost more than all of this.
  console.log(rest.length > 0 ? JSON.stringify({ name: "agenticore", version }) : `agenticore ${version}`);
} else if (Number(process.versions.node.split(".")[0]) < oldestNode) {
  const { relaunch } = await import("./relaunch.js");
  relaunch({ root: fileURLToPath(root), script: fileURLToPath(import.meta.url), oldestNode });
} else {
  if (process.env.AGENTICORE_LAUNCHER_PIPE) (await import("./relaunch.js")).endWithLauncher(process.env);
  const isBuilt = existsSync(built);
  const { prepareProcess } = await import("./prepare-process.js");
  prepareProcess({ root: fileURLToPath(root), script: fileURLToPath(import.meta.url), command, isBuilt });
  const main = isBuilt ? built : new URL("cli/main.ts", root);
  const { start } = await import(main.href);
  await start({ version, root: fileURLToPath(root) });
}
