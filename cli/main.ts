import { homedir, hostname } from "node:os";
import { text } from "node:stream/consumers";
import { Command, CommanderError } from "commander";
import type { CliCommand } from "./command.ts";
import { commandTable } from "./command-table.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { launcherOf } from "./launcher-end.ts";
import { printer } from "./print.ts";

/** These answer from the whole command tree. */
const completing: readonly string[] = ["completion", "complete"];

/** The process's own entry: arguments in, exit code out. */
export async function start({ version, root }: Readonly<{ version: string; root: string }>): Promise<void> {
  const { stdin, stdout, stderr, env } = process;
  // `agenticore jobs | head -1`: the reader has what it wanted.
  stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  // Nobody reads what is said to people any more: neither a server nor the exit code hangs on that.
  stderr.on("error", () => undefined);
  const { systemClock } = await import("../shared/clock.node.ts");
  const code = await runCli(process.argv.slice(2), {
    print: printer({ out: stdout, err: stderr, env }),
    env,
    cwd: process.cwd(),
    home: homedir(),
    hostName: hostname(),
    version,
    root,
    launcher: launcherOf(env),
    clock: systemClock,
    fetch: (...request) => fetch(...request),
    readInput: () => text(stdin),
    onSignal: (signals, act) => {
      for (const signal of signals) process.on(signal, act);
      return () => signals.forEach((signal) => void process.off(signal, act));
    },
  });
  // What was written is out before the end, and nothing that is still open holds it up.
  await Promise.all([stdout, stderr].map((stream) => new Promise((done) => stream.write("", done))));
  process.exit(code);
}

/** Runs one command line; never throws. */
export async function runCli(argv: readonly string[], cli: CliContext): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = await buildProgram(cli, argv, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(argv.length === 0 ? ["--help"] : withoutHelpOf(argv, program), { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { explain } = await import("./exit-code.ts");
    return explain(error, cli.print);
  } finally {
    cli.print.progress(undefined);
  }
}

/** `help nope` is told as `nope` is: commander would show the whole help and not say why. */
const withoutHelpOf = (argv: readonly string[], { commands }: Command): readonly string[] =>
  argv[0] === "help" && argv[1] !== undefined && !commands.some((command) => command.name() === argv[1])
    ? argv.slice(1)
    : argv;

/** The command tree; only the command that `argv` names is loaded (all of them without `argv`). */
export async function buildProgram(
  cli: CliContext,
  argv: readonly string[] | undefined,
  ended: (code: ExitCode) => void,
): Promise<Command> {
  const program = new Command("agenticore")
    .description("Submit a task, get a pull request: a self-hosted runner for coding agents.")
    .usage("<command> [options]")
    .version(`agenticore ${cli.version}`, "-V, --version", "print the version")
    .exitOverride()
    .showHelpAfterError("Run `agenticore --help` for the commands; what one takes stands behind its name.")
    // Only the called command is loaded: the list cannot show what the others take.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => cli.print.data(text.replace(/\n$/, "")),
      getOutHelpWidth: () => Math.min(100, cli.print.width),
      getErrHelpWidth: () => Math.min(100, cli.print.width),
      writeErr: (text) => cli.print.note(text.replace(/\n$/, "")),
    })
    .addHelpText("after", "\nRun `agenticore <command> --help` for options and examples.");
  const called = argv?.find((word) => !word.startsWith("-"));
  const named = called === "help" ? argv?.filter((word) => !word.startsWith("-"))[1] : called;
  const wanted = (name: string) => argv === undefined || completing.includes(named ?? "") || name === named;
  for (const [name, { summary, load }] of Object.entries(commandTable)) {
    const command = program.command(name).description(summary);
    if (!wanted(name)) continue;
    await define(command, name, await load());
  }
  if (wanted("completion")) (await import("./completion.ts")).addCompletion(program);
  else program.command("completion").description("Print the completion script of a shell");
  return program;

  async function define(command: Command, path: string, { takes, examples, run, parts = {} }: CliCommand) {
    takes(command)
      .showHelpAfterError(`Run \`agenticore ${path} --help\` for how it is used.`)
      .addHelpText("after", `\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}`)
      .helpCommand(false)
      .action(async () => ended(await run(cli, command)));
    for (const [name, { summary, load }] of Object.entries(parts))
      await define(command.command(name).description(summary), `${path} ${name}`, await load());
  }
}
