import { randomUUID } from "node:crypto";
import { type Runner, startRunner } from "../runner/main.ts";
import type { Config } from "../shared/config-keys.ts";
import { knownSecrets } from "../shared/known-secrets.ts";
import type { Log } from "../shared/log.ts";
import { redactor } from "../shared/redact.ts";
import type { JobStore } from "../shared/store.ts";
import type { CliContext } from "./context.ts";
import { storePace } from "./store-pace.ts";

type Parts = Readonly<{ cli: CliContext; config: Config; store: JobStore; log: Log }>;

/** A runner in this process, beside an API or alone. */
export const serviceRunner = ({ cli, config, store, log }: Parts): Promise<Runner> =>
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
    ...storePace(config),
    random: Math.random,
    newId: randomUUID,
  });
