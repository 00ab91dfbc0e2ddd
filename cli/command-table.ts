import type { CliCommand } from "./command.ts";

type Row = Readonly<{ summary: string; load: () => Promise<CliCommand> }>;

/** Every command; only the one that is called is loaded. */
export const commandTable: Readonly<Record<string, Row>> = {
  config: {
    summary: "Show the effective configuration and where each value comes from",
    load: async () => (await import("./commands/config.ts")).config,
  },
  version: {
    summary: "Print the version",
    load: async () => (await import("./commands/version.ts")).version,
  },
};
