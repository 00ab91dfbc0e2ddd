import { DatabaseSync } from "node:sqlite";
import { sqliteWorld } from "../support/sqlite-world.ts";
import type { Stage } from "./play.ts";
import { limits, type SimulatedStore } from "./simulate.ts";

/** One file for many seeds: it is emptied in between, which is quicker than a new one. */
export async function sqliteStage(): Promise<Stage> {
  const world = await sqliteWorld(limits);
  const stores = [world.store, await world.another()] as const;
  const db = new DatabaseSync(world.path);
  const tables = ["jobs", "docs", "events", "messages", "idempotency", "runners", "sessions", "locks"];
  const empty = tables.map((table) => `DELETE FROM ${table};`).join("");
  const inspect = [
    [
      `SELECT repo_key AS name FROM jobs WHERE status = 'running' AND repo_key IS NOT NULL GROUP BY repo_key HAVING count(*) > ${limits.repoLimit}`,
      "more than its limit run of",
    ],
    [
      `SELECT pool AS name FROM jobs WHERE status = 'running' AND pool = 'big' GROUP BY pool HAVING count(*) > ${limits.poolLimits.big}`,
      "more than its limit run of pool",
    ],
    [
      "SELECT session_id AS name FROM jobs WHERE status = 'running' AND session_id IS NOT NULL GROUP BY session_id HAVING count(*) > 1",
      "two run with session",
    ],
    [
      "SELECT id AS name FROM jobs WHERE (status = 'running') <> (lease_until IS NOT NULL)",
      "leased and not running, or running without a lease:",
    ],
    [
      "SELECT id AS name FROM jobs WHERE (status IN ('queued', 'running')) <> (gone IS NULL)",
      "alive with a time of removal, or over without:",
    ],
  ].map(([sql = "", what = ""]) => ({ what, statement: db.prepare(sql) }));
  const simulated: SimulatedStore = {
    stores,
    advance: (ms) => world.clock.advance(ms),
    inspect: async (call) =>
      (["claim", "end"].includes(call) ? inspect : []).flatMap(({ what, statement }) =>
        statement.all().map((row) => `${what} ${String(row["name"])}`),
      ),
    restart: async () => undefined,
  };
  return {
    fresh: async () => {
      db.exec(`BEGIN; ${empty} UPDATE places SET last = 0; DELETE FROM sqlite_sequence; COMMIT`);
      return simulated;
    },
    [Symbol.asyncDispose]: async () => {
      db.close();
      await world[Symbol.asyncDispose]();
    },
  };
}
