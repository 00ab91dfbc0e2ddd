import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CliContext } from "../cli/context.ts";
import { buildProgram } from "../cli/main.ts";
import { printer } from "../cli/print.ts";
import type { Key } from "../shared/config-key.ts";
import { type ConfigName, configKeys } from "../shared/config-keys.ts";
import { clientReference } from "./client-reference.ts";
import { configNotes } from "./config-notes.ts";
import { errorsAndEvents } from "./errors-and-events.ts";
import { metricsReference } from "./metrics-reference.ts";
import { profileReference } from "./profile-reference.ts";

/** `node scripts/reference.ts` writes the documents that are made of the code; a test keeps them in step. */
export const references: Readonly<Record<string, () => Promise<string>>> = {
  "docs/reference/cli.md": cliReference,
  "docs/reference/client.md": async () => clientReference(),
  "docs/reference/configuration.md": async () => configurationReference(),
  "docs/reference/profiles.md": async () => profileReference(),
  "docs/reference/errors-and-events.md": async () => errorsAndEvents(),
  "docs/reference/metrics.md": async () => metricsReference(),
};

if (import.meta.main)
  for (const [path, text] of Object.entries(references))
    writeFileSync(join(import.meta.dirname, "..", path), await text());

async function cliReference(): Promise<string> {
  const help: string[] = [];
  const out = { write: (text: string) => void help.push(text), isTTY: true, columns: 100 };
  const print = printer({ out, err: out, env: { NO_COLOR: "1" } });
  const program = await buildProgram({ print, version: "0.0.0" } as CliContext, undefined, () => undefined);
  const helpOf = (command: typeof program): string => {
    help.length = 0;
    command.outputHelp();
    return help.join("").trim();
  };
  const named = program.commands.filter((command) => !["complete", "help"].includes(command.name()));
  const section = (command: typeof program, path: string): string[] => [
    `## ${path}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
    ...command.commands.flatMap((part) => section(part, `${path} ${part.name()}`)),
  ];
  const sections = named.flatMap((command) => section(command, command.name()));
  return `# The command line

\`agenticore <command>\`: data goes to standard output, everything said to a person to standard error. \`--json\`
prints the body of the REST API where there is one. Colours are shown only on a terminal and not under \`NO_COLOR\`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the operation failed, or the job that was waited for did not succeed |
| 2 | wrong usage |
| 3 | no server answers |
| 130 | left by Ctrl-C |

The CLI talks to \`AGENTICORE_URL\` with the key \`AGENTICORE_API_KEY\`, else to the host and port of its own
[configuration](configuration.md). A job that is followed is followed for hours: a lost connection is made again, and
nothing is printed twice. Ctrl-C says how to cancel the job, which goes on; a second one leaves.

This page is the program's own help: \`node scripts/reference.ts\` writes it.

\`\`\`text
${helpOf(program)}
\`\`\`

${sections.join("\n")}`;
}

function configurationReference(): string {
  const rows = Object.entries<Key>(configKeys).map(([name, key]) => {
    const variables = key.env.map((variable) => `\`${variable}\``).join(", ");
    return `| \`${key.yaml}\` | ${variables} | ${defaultOf(key)} | ${configNotes[name as ConfigName]} |`;
  });
  return `# Configuration

Each key is a variable or a key of the YAML file \`~/.agenticore/config.yml\` (another file: \`AGENTICORE_CONFIG\`).
The variable wins over the file, the file over the default, for every key; an empty variable is unset. Lists are comma
separated in a variable. Paths may begin with \`~/\`. A wrong value or an unknown key stops the program with a
sentence that names it. \`agenticore config\` shows the effective values and where each comes from, without secrets.

| key | variable | default | what it is |
|---|---|---|---|
${rows.join("\n")}

\`ANTHROPIC_API_KEY\`, \`ANTHROPIC_AUTH_TOKEN\` and \`ANTHROPIC_BASE_URL\` stay with the runner's key broker
([security](../security.md)); \`CLAUDE_CODE_OAUTH_TOKEN\` and the variables of Bedrock and Vertex are given to Claude's
process as they are.

This page is made of the key table: \`node scripts/reference.ts\` writes it.
`;
}

function defaultOf(key: Key): string {
  const value = key.initial({ home: "~", hostName: "host name", kubernetes: false });
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "none";
  return value === "host name" ? value : `\`${String(value)}\``;
}
