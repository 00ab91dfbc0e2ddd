import type { Config } from "../shared/config-keys.ts";
import { knownSecrets } from "../shared/known-secrets.ts";
import type { Log } from "../shared/log.ts";
import { keepNotifying } from "../shared/notify/keep-notifying.ts";
import { pinnedPost } from "../shared/notify/post.node.ts";
import { redactor } from "../shared/redact.ts";
import type { JobStore } from "../shared/store.ts";
import type { CliContext } from "./context.ts";
import { storePace } from "./store-pace.ts";

type Parts = Readonly<{ cli: CliContext; config: Config; store: JobStore; log: Log }>;

/** Sends notifications from this process, where it has the secret, until it is disposed. Not over the API: a runner's key does not open this part of the store. */
export function serviceNotifier({ cli, config, store, log }: Parts): AsyncDisposable {
  const stop = new AbortController();
  const { notifyAllowed: allowed, notifySecret: secrets } = config;
  const notifying = keepNotifying(
    {
      ...{ store, log, allowed, secrets, clock: cli.clock, random: Math.random },
      post: pinnedPost({ allowed }),
      redact: redactor(knownSecrets(config, cli.env)),
      everyMs: storePace(config).notifyMs,
    },
    stop.signal,
  );
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await notifying;
    },
  };
}
