import type { ApiKeyRecord } from "../shared/api-key.ts";
import { loadConfig } from "../shared/load-config.node.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { openStore } from "./open-store.ts";
import { harmless, headedTable } from "./print.ts";

/** What is shown of a key: all but its digest. */
export const shownKey = ({ digest: _, ...key }: ApiKeyRecord) => key;

/** All keys of the store that the configuration names, newest first. */
export async function printKeys(cli: CliContext, json: boolean): Promise<ExitCode> {
  const { print, clock } = cli;
  const { config } = await loadConfig(cli);
  await using store = await openStore(config, cli);
  const keys = await store.listKeys();
  if (json) print.json({ success: true, count: keys.length, keys: keys.map(shownKey) });
  else if (keys.length === 0) print.note("There are no keys in the store; `agenticore keys create NAME` makes one.");
  else {
    const rows = keys.map((key) => row(key, clock.now()));
    print.data(headedTable(["KEY", "NAME", "STATE", "TENANT", "SCOPES", "LAST USED", "NARROWED TO"], rows, print));
  }
  return 0;
}

const row = (key: ApiKeyRecord, now: number): string[] =>
  [
    key.id,
    key.name,
    stateOf(key, now),
    key.tenant,
    key.scopes.join(","),
    key.last_used_at ?? "never",
    [
      ...(key.repos ?? []),
      ...(key.pools ?? []).map((pool) => `pool ${pool}`),
      ...(key.profiles ?? []).map(profile),
      ...(key.rate ? [`${key.rate}/min`] : []),
    ].join(" "),
  ].map(harmless);

const profile = (name: string): string => `profile ${name}`;

function stateOf({ revoked_at, expires_at }: ApiKeyRecord, now: number): string {
  if (revoked_at !== undefined) return "revoked";
  if (expires_at === undefined) return "good";
  return Date.parse(expires_at) <= now ? "expired" : `until ${expires_at.slice(0, 10)}`;
}
