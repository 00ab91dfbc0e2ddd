import { InvalidArgumentError, Option } from "commander";
import { type ApiKeyRecord, newApiKey, Scope } from "../../shared/api-key.ts";
import { iso } from "../../shared/clock.ts";
import type { Config } from "../../shared/config-keys.ts";
import { sha256 } from "../../shared/digest.ts";
import { PoolName, ProfileName } from "../../shared/job.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { wantsKeys } from "../../shared/wants-keys.ts";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../exit-code.ts";
import { openStore } from "../open-store.ts";
import { shownKey } from "../print-keys.ts";

type Options = Readonly<{
  scope: readonly Scope[];
  repo?: readonly string[];
  pool?: readonly string[];
  profile?: readonly string[];
  tenant?: string;
  expires?: number;
  rate?: number;
  json?: true;
}>;

export const keysCreate = defineCommand<Options>({
  takes: (command) =>
    command
      .argument("<name>", "what people call it, up to 64 characters")
      .addOption(
        new Option("--scope <list>", `what it may do: ${Scope.options.join(", ")}`)
          .argParser(listOf((word) => Scope.safeParse(word).success, `one of ${Scope.options.join(", ")}`))
          .default(["submit", "read", "cancel"], "submit,read,cancel"),
      )
      .addOption(
        new Option("--repo <globs>", "only these repositories, spelled as in AGENTICORE_ALLOWED_REPOS").argParser(
          listOf((word) => !/\s/.test(word), "a glob without spaces"),
        ),
      )
      .addOption(
        new Option("--pool <names>", "only these pools").argParser(
          listOf((word) => PoolName.safeParse(word).success, "a pool's name"),
        ),
      )
      .addOption(
        new Option("--profile <names>", "only these profiles").argParser(
          listOf((word) => ProfileName.safeParse(word).success, "a profile's name"),
        ),
      )
      .addOption(
        new Option(
          "--tenant <name>",
          "whose jobs it submits and sees (default: its own); keys may share one",
        ).argParser(tenantName),
      )
      .addOption(new Option("--expires <time>", "when it ends, from now: 12h, 90d, 52w").argParser(lifetime))
      .addOption(
        new Option("--rate <count>", "requests that it may make in a minute; 0: as many as it likes").argParser(
          perMinute,
        ),
      )
      .option("--json", "print JSON"),
  examples: [
    "agenticore keys create laptop",
    "agenticore keys create ci --scope submit,read --repo 'https://github.com/octo/**' --expires 90d",
  ],
  run: async (cli, { json, ...options }, [name = ""]) => {
    const { print } = cli;
    if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u.test(name))
      throw new UsageError("A key's name is 1 to 64 letters, digits, spaces and . _ @ -");
    const { config } = await loadConfig(cli);
    await using store = await openStore(config, cli);
    const { key, record } = await made(cli, name, options);
    await store.saveKey(record);
    if (json) print.json({ success: true, secret: key, key: shownKey(record) });
    else {
      print.note(`The key ${record.id} (${name}) of tenant ${record.tenant}; it is shown this once:`);
      print.data(key);
    }
    warnIfNobodyAsks(cli, config);
    return 0;
  },
});

async function made({ clock }: CliContext, name: string, options: Omit<Options, "json">) {
  const { id, key } = newApiKey((count) => crypto.getRandomValues(new Uint8Array(count)));
  const { scope, repo: repos, pool: pools, profile: profiles, tenant = `key-${id}`, expires, rate } = options;
  const now = clock.now();
  const record: ApiKeyRecord = {
    ...{ id, digest: await sha256(key), name, tenant, scopes: scope, created_at: iso(now) },
    ...(repos ? { repos } : {}),
    ...(pools ? { pools } : {}),
    ...(profiles ? { profiles } : {}),
    ...(expires === undefined ? {} : { expires_at: iso(now + expires) }),
    ...(rate === undefined ? {} : { rate }),
  };
  return { key, record };
}

function warnIfNobodyAsks({ print }: CliContext, config: Config): void {
  if (wantsKeys(config)) return;
  print.warn("A server with this configuration asks nobody for a key. AGENTICORE_REQUIRE_KEYS=true makes it ask.");
}

/** A comma list, each word once. */
const listOf =
  (isGood: (word: string) => boolean, what: string) =>
  (text: string): readonly string[] => {
    const words = text
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== "");
    const wrong = words.find((word) => !isGood(word));
    if (words.length === 0 || wrong !== undefined)
      throw new InvalidArgumentError(`${JSON.stringify(wrong ?? text)} is not ${what}.`);
    return [...new Set(words)];
  };

function tenantName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be 1 to 64 letters, digits, dots, dashes and underscores.");
}

function perMinute(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= 1_000_000) return Number(text);
  throw new InvalidArgumentError("It must be a whole number, 0 to 1000000.");
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const longest = 520 * 604_800_000;

/** Milliseconds. */
function lifetime(text: string): number {
  const [, count, unit = ""] = /^([1-9]\d{0,5})([hdw])$/.exec(text) ?? [];
  const ms = Number(count) * (units[unit] ?? Number.NaN);
  if (ms <= longest) return ms;
  throw new InvalidArgumentError("It must be like 12h, 90d or 52w, at most 10 years.");
}
