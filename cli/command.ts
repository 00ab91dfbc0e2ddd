import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";

/** One command: what it takes, how it is used, what it does. */
export type CliCommand = Readonly<{
  /** Adds arguments and options. */
  takes(command: Command): Command;
  /** Shown below the help. */
  examples: readonly string[];
  run(cli: CliContext, command: Command): Promise<ExitCode>;
  /** Commands below this one. */
  parts?: CommandRows;
}>;

/** Commands by name; what they take is only loaded where one of them may be called. */
export type CommandRows = Readonly<Record<string, Readonly<{ summary: string; load: () => Promise<CliCommand> }>>>;

type Definition<Options> = Readonly<{
  takes?: (command: Command) => Command;
  examples: readonly string[];
  run(cli: CliContext, options: Options, args: readonly string[]): Promise<ExitCode>;
  parts?: CommandRows;
}>;

/** `Options` is what commander makes of the options in `takes`: the two stand side by side. */
export const defineCommand = <Options extends object = object>(definition: Definition<Options>): CliCommand => ({
  takes: definition.takes ?? ((command) => command),
  examples: definition.examples,
  // An option that the command above has too, as `--json`, is taken there.
  run: (cli, command) => definition.run(cli, command.optsWithGlobals<Options>(), command.args),
  ...(definition.parts === undefined ? {} : { parts: definition.parts }),
});
