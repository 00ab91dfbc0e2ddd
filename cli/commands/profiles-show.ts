import { findClaude } from "../../runner/claude/find-claude.ts";
import { settingsChecker } from "../../runner/profile/check-settings.ts";
import { flagAsker } from "../../runner/profile/claude-flags.ts";
import { type Explained, explain } from "../../runner/profile/explain.ts";
import { loadProfiles } from "../../runner/profile/load-profiles.ts";
import { profilePlaces } from "../../runner/profile/profile-places.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { harmless, type Print, table } from "../print.ts";

export const profilesShow = defineCommand<{ json?: true }>({
  takes: (command) => command.argument("<name>", "a profile of this machine").option("--json", "print JSON"),
  examples: ["agenticore profiles show code", "agenticore profiles show review --json | jq .profile.command"],
  run: async (cli, { json }, [name = ""]) => {
    const { config } = await loadConfig(cli);
    const claude = { binary: config.claudeBinary, path: cli.env["PATH"] ?? "", cwd: cli.cwd };
    const { get } = await loadProfiles(profilePlaces(config, cli.root), {
      flags: flagAsker(claude),
      settings: settingsChecker(claude),
    });
    const program = await findClaude(claude).catch(() => config.claudeBinary);
    const explained = await explain(get(name), { config, program });
    if (json) cli.print.json({ success: true, profile: explained });
    else show(explained, cli.print);
    return 0;
  },
});

function show(profile: Explained, print: Print): void {
  const { paint, width } = print;
  const block = (title: string, rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? [] : ["", paint.bold(title), table(rows, width)];
  const values = (rows: Explained["values"]) => rows.map(({ key, value, from }) => [key, from, text(value)]);
  const files = (rows: Explained["parts"]) => rows.map(({ name, from }) => [name, from]);
  const lines = [
    `${paint.bold(profile.name)} (${profile.source})${profile.description === "" ? "" : `: ${profile.description}`}`,
    ...block("profile.yml", values(profile.values)),
    ...block("settings", values(profile.settings)),
    ...block(
      "instructions",
      profile.instructions.map((from) => [from]),
    ),
    ...block("MCP servers", files(profile.mcp_servers)),
    ...block("files", files(profile.parts)),
    "",
    paint.bold("command (SESSION and JOB are each job's own; the task goes over standard input)"),
    profile.command.map(quoted).join(" "),
    ...(profile.notes.length === 0 ? [] : ["", ...profile.notes]),
  ];
  print.data(harmless(lines.join("\n")));
}

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** As a POSIX shell reads it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
