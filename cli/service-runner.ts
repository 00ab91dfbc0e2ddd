import { randomUUID } from "node:crypto";
import { type Runner, startRunner } from "../runner/main.ts";
import type { Config } from "../shared/config-keys.ts";
import { knownSecrets } from "../shared/known-secrets.ts";
import type { Log } from "../shared/log.ts";
import { redactor } from "../shared/redact.ts";
import type { JobStore } from "../shared/store.ts";
import type { CliContext } from "./context.ts";
import { paceOf } from "./store-pace.ts";

type Parts = Readonly<{
  cli: CliContext;
  config: Config;
  store: JobStore;
  log: Log;
  /** Where the store is, if other boxes share it. */
  storeUrl: string | undefined;
}>;

/** A runner in this process, beside an API or alone. */
export const serviceRunner = ({ cli, config, store, log, storeUrl }: Parts): Promise<Runner> =>
  startRunner({
    config,
    store,
    log,
    clock: cli.clock,
    fetch: cli.fetch,
    redact: redactor(knownSecrets(config, cli.env)),
    env: cli.env,
    cwd: cli.cwd,
    version: cli.version,
    packageRoot: cli.root,
    ...paceOf(storeUrl),
    storeUrl,
    random: Math.random,
    newId: randomUUID,
  });
