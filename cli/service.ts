import { findLogin } from "../runner/profile/login.ts";
import type { Config } from "../shared/config-keys.ts";
import { jsonLog } from "../shared/json-log.node.ts";
import { knownSecrets } from "../shared/known-secrets.ts";
import type { Log } from "../shared/log.ts";
import { redactor } from "../shared/redact.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { onLauncherEnd } from "./launcher-end.ts";
import { secondSignal } from "./second-signal.ts";
import { terminalLog } from "./terminal-log.ts";

/** The log of a process that stays: lines for a person at a terminal, JSON for all others, without secrets. */
export function serviceLog({ print, env, clock }: CliContext, config: Config): Log {
  const redact = redactor(knownSecrets(config, env));
  const level = config.logLevel;
  return print.hasProgress ? terminalLog({ level, redact, print, now: clock.now }) : jsonLog({ level, redact });
}

/** The first job would fail, and a person who looks here can mend it before. */
export function warnOfLogin({ print, env }: CliContext, config: Config): void {
  if (findLogin({ variables: env, config }).kind === "none")
    print.warn("Claude is not logged in on this machine, so jobs will fail. `agenticore doctor` says what to do.");
}

/** Without a store that all machines reach nothing keeps their runners apart. */
export function warnOfSharing(
  { print }: CliContext,
  { sharedFsRoot }: Pick<Config, "sharedFsRoot">,
  storeUrl: string | undefined,
): void {
  if (sharedFsRoot === undefined || storeUrl !== undefined) return;
  print.warn(
    `AGENTICORE_SHARED_FS_ROOT is set and REDIS_URL is not: only one machine may use ${sharedFsRoot} like this, by one data folder. Set REDIS_URL before another does.`,
  );
}

type Service = Readonly<{
  /** Takes no more work; resolves when what it has is done. */
  drain: () => Promise<void>;
  /** Ends at once: running jobs go back to the queue. */
  stop: () => Promise<void>;
  /** Resolves when it has ended by itself, rejects when it cannot go on. */
  over: Promise<void>;
  /** What is said at each of the two, where it has no jobs. */
  notes?: Readonly<{ drain: string; stop: string }>;
  /** How long it may drain before it is stopped; without it as long as it takes. */
  drainMs?: number;
}>;

const jobNotes = {
  drain: "Draining: no new jobs are taken, running ones end. The same signal again stops at once.",
  stop: "Stopping: running jobs go back to the queue.",
};

/**
 * Until SIGINT, SIGTERM or SIGHUP, or the end of the npx that started it: drains; a second one stops at once, as does the end of the time to drain in. A signal
 * that comes while the service is still starting counts too: it is drained once it is up. @returns when the service has ended.
 * @throws whatever ended the service, or its start.
 */
export async function untilSignal(cli: CliContext, starting: Service | Promise<Service>): Promise<ExitCode> {
  const asked = Promise.withResolvers<"asked">();
  const insisted = Promise.withResolvers<"insisted">();
  using _signals = secondSignal(cli, {
    signals: ["SIGINT", "SIGTERM", "SIGHUP"],
    first: () => asked.resolve("asked"),
    second: () => insisted.resolve("insisted"),
  });
  using _launcher = onLauncherEnd(cli, () => asked.resolve("asked"));
  const service = await Promise.race([starting, insisted.promise]);
  if (service === "insisted") return 130;
  const { drain, stop, over, notes = jobNotes, drainMs } = service;
  if ((await Promise.race([asked.promise, over.then(() => "over" as const)])) === "over") return 0;
  cli.print.note(notes.drain);
  const ended = new AbortController();
  const drained = drain().then(() => "drained" as const);
  const late = drainMs === undefined ? [] : [cli.clock.sleep(drainMs, ended.signal).then(() => "late" as const)];
  const how = await Promise.race([drained, insisted.promise, ...late]).finally(() => ended.abort());
  if (how === "drained") return 0;
  cli.print.note(notes.stop);
  await stop();
  return how === "late" ? 0 : 130;
}
