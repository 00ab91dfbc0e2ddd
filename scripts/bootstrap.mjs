// `node scripts/bootstrap.mjs NAME [arguments]`: installs what the lock says, then runs `NAME:inner` of package.json.
// Plain JavaScript for Node 20, and a process of its own: the script that it starts finds the Node that came with
// the install first in its PATH, which the shell line that called npm could not.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const [name, ...rest] = process.argv.slice(2);
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

if (name === undefined) {
  console.error("usage: node scripts/bootstrap.mjs NAME [arguments]");
  process.exitCode = 2;
} else {
  const installed = isInstalled() || (await install()) === 0;
  process.exitCode = installed ? await run("npm", ["run", "-s", `${name}:inner`, "--", ...rest]) : 1;
}

async function install() {
  console.error("Installing the dependencies, which takes about a minute the first time.");
  // What npm says goes where messages go: standard output is the script's.
  const code = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], ["inherit", 2, "inherit"]);
  if (code !== 0) console.error(`npm ci ended with ${code}: nothing was started.`);
  return code;
}

/** Whether node_modules holds exactly what the lock names: npm writes what it installed beside it. */
function isInstalled() {
  const [wanted, found] = ["package-lock.json", "node_modules/.package-lock.json"].map((file) =>
    existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : undefined,
  );
  if (wanted === undefined || found === undefined) return false;
  // Optional packages of other systems are left out; the one with Node may not be, where there is one.
  const node = process.platform === "linux" ? `node_modules/node-linux-${process.arch}` : undefined;
  const missing = Object.entries(wanted).filter(
    ([path, { version, optional }]) =>
      path !== "" && found[path]?.version !== version && (found[path] !== undefined || !optional || path === node),
  );
  return missing.length === 0 && Object.keys(found).every((path) => path in wanted);
}

/** The program's exit code; 128 + n where signal n ended it, as shells say it. */
function run(program, args, stdio = "inherit") {
  return new Promise((done) => {
    const child = spawn(program, args, { stdio });
    const pass = (signal) => child.kill(signal);
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, pass);
    child.on("error", (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      done(1);
    });
    child.on("exit", (code, signal) => {
      for (const name of signals) process.off(name, pass);
      done(code ?? 128 + constants.signals[signal]);
    });
  });
}
