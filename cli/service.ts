import type { Config } from "../shared/config-keys.ts";
import { jsonLog } from "../shared/json-log.node.ts";
import { knownSecrets } from "../shared/load-config.node.ts";
import type { Log } from "../shared/log.ts";
import { redactor } from "../shared/redact.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { secondSignal } from "./second-signal.ts";
import { terminalLog } from "./terminal-log.ts";

/** The log of a process that stays: lines for a person at a terminal, JSON for all others, without secrets. */
export function serviceLog({ print, env, clock }: CliContext, config: Config): Log {
  const redact = redactor(knownSecrets(config, env));
  const level = config.logLevel;
  return print.hasProgress ? terminalLog({ level, redact, print, now: clock.now }) : jsonLog({ level, redact });
}

type Service = Readonly<{
  /** Takes no more work; resolves when what it has is done. */
  drain: () => Promise<void>;
  /** Ends at once: running jobs go back to the queue. */
  stop: () => Promise<void>;
}>;

/** Until SIGINT, SIGTERM or SIGHUP: drains; a second one stops at once. @returns when the service has ended. */
export async function untilSignal(cli: CliContext, service: Service): Promise<ExitCode> {
  const asked = Promise.withResolvers<void>();
  const insisted = Promise.withResolvers<void>();
  using _ = secondSignal(cli, {
    signals: ["SIGINT", "SIGTERM", "SIGHUP"],
    first: () => {
      cli.print.note("Draining: no new jobs are taken, running ones end. The same signal again stops at once.");
      asked.resolve();
    },
    second: () => {
      cli.print.note("Stopping: running jobs go back to the queue.");
      insisted.resolve();
    },
  });
  await asked.promise;
  const drained = service.drain().then(() => "drained" as const);
  const end = await Promise.race([drained, insisted.promise.then(() => "stopped" as const)]);
  if (end === "stopped") await service.stop();
  return end === "drained" ? 0 : 130;
}
