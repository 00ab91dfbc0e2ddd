import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../exit-code.ts";

export const update = defineCommand<{ source?: string }>({
  takes: (command) =>
    command.option("--source <package>", "what to install: a version, an npm package, a tarball or a folder"),
  examples: [
    "agenticore update",
    "agenticore update --source 0.2.0",
    "agenticore update --source ./agenticore-0.2.0.tgz",
  ],
  run: async (cli, { source }) => {
    const { print, root } = cli;
    if (source === undefined && isCheckout(root)) {
      print.error(`This is a checkout. Run \`git pull && npm ci\` in ${root}, or name a package with --source.`);
      return 1;
    }
    const argv = installCommand(root, packageOf(source ?? "latest"));
    print.note(argv.join(" "));
    const code = await run(argv, cli);
    if (code === 0) print.note("Updated. Restart `agenticore serve` and `agenticore runner` where they run.");
    else print.error(`npm ended with ${code}; nothing was changed.`);
    return code === 0 ? 0 : 1;
  },
});

/** The published package has no sources. */
const isCheckout = (root: string): boolean => existsSync(join(root, "cli/main.ts"));

/**
 * A bare version or tag is one of our package's.
 * @throws UsageError for what npm would read as an option.
 */
export function packageOf(source: string): string {
  if (source.startsWith("-")) throw new UsageError(`--source takes a package, not \`${source}\`.`);
  return /^(?:\d+\.\d+\.\d+[\w.+-]*|latest|next)$/.test(source) ? `agenticore@${source}` : source;
}

/** Into the place where this program is installed, which need not be npm's own default. */
export function installCommand(root: string, source: string): readonly [string, ...string[]] {
  const prefix = /\/lib\/node_modules\/agenticore\/?$/.test(root) ? ["--prefix", resolve(root, "../../..")] : [];
  return ["npm", "install", "--global", ...prefix, source];
}

function run([program, ...args]: readonly [string, ...string[]], { env, cwd, print }: CliContext): Promise<number> {
  return new Promise((done) => {
    const child = spawn(program, args, { env: { ...env }, cwd, stdio: ["inherit", 2, "inherit"] });
    child.on("error", (error) => {
      print.error(`${program} could not be started: ${error.message}`);
      done(127);
    });
    child.on("exit", (code) => done(code ?? 1));
  });
}
