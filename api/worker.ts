import type { Clock } from "../shared/clock.ts";
import { sleepByTimer } from "../shared/clock.ts";
import { resolveConfig } from "../shared/config.ts";
import { toAppError } from "../shared/error.ts";
import { knownSecrets } from "../shared/known-secrets.ts";
import { noticing } from "../shared/notify/noticing.ts";
import { deliverNotices } from "../shared/notify/sender.ts";
import { HttpError, toProblem } from "../shared/problem.ts";
import { redactor } from "../shared/redact.ts";
import { redisOverHttp } from "../shared/store/redis-over-http.ts";
import { bundledProfiles } from "./edge/bundled-profiles.ts";
import { openDoors } from "./edge/doors.ts";
import { fetchPost } from "./edge/fetch-post.ts";
import { lineLog } from "./edge/line-log.ts";

/** Put in by the build (`define` in wrangler.toml). */
declare const AGENTICORE_VERSION: string;

type Bindings = Readonly<Record<string, unknown>>;
type Opened = Readonly<{
  answer: (request: Request, context: Context | undefined) => Promise<Response>;
  scheduled: () => Promise<void>;
}>;
/** Of an invocation: it goes on until this is over, for 30 s at most after the answer. */
type Context = Readonly<{ waitUntil: (work: Promise<unknown>) => void }>;

/** Within a request time stands still but for I/O (developers.cloudflare.com/workers/reference/security-model). */
const clock: Clock = { now: () => Date.now(), uptime: () => performance.now(), sleep: sleepByTimer };

/**
 * The API on Cloudflare Workers: variables and secrets are the configuration, jobs are in a Redis over HTTP. Keys are asked
 * for whatever the configuration says: those of AGENTICORE_API_KEYS, of `agenticore keys`, or tokens of OAuth issuers.
 */
function open(bindings: Bindings): Opened {
  const env = Object.fromEntries(
    Object.entries(bindings).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  const { config: given } = resolveConfig({ env, at: { home: "/", hostName: "worker", kubernetes: false } });
  // Cloudflare writes it itself (developers.cloudflare.com/fundamentals/reference/http-headers).
  const config = { ...given, requireKeys: true, addressHeader: given.addressHeader ?? "cf-connecting-ip" };
  const redact = redactor(knownSecrets(config, env));
  const log = lineLog({ level: config.logLevel, redact, now: clock.now, write });
  const ask: typeof fetch = (...request) => fetch(...request);
  const openStore = redisOverHttp(config, {
    ...{ clock, log, fetch: ask },
    random: () => Math.random(),
    newId: () => crypto.randomUUID(),
  });
  const doors = openDoors({
    ...{ config, openStore, clock, log },
    profiles: bundledProfiles,
    model: { fetch: ask, env },
    version: AGENTICORE_VERSION,
  });
  const notifying = {
    ...{ allowed: config.notifyAllowed, secrets: config.notifySecret, isEdge: true, clock, log, redact },
    ...{ post: fetchPost(ask), random: () => Math.random(), most: scheduledNotices },
  };
  const sends = notifying.allowed.length > 0 && notifying.secrets.length > 0;
  const scheduled = async () => {
    const store = openStore();
    const changed = await store.sweep();
    if (changed.length > 0) log.info("swept", { jobs: changed.length });
    if (sends) await deliverNotices({ ...notifying, store });
  };
  const notify = () =>
    deliverNotices({ ...notifying, store: openStore() }).catch((error: unknown) =>
      log.warn("notifications wait for the cron trigger", { error }),
    );
  const answer: Opened["answer"] = async (request, context) => {
    if (!sends || !context) return await doors(request);
    const answered = Promise.withResolvers<void>();
    let isComing = false;
    // After the answer: nobody who asks waits for a receiver.
    const tell = () => {
      if (isComing) return;
      isComing = true;
      const sent = answered.promise.then(() => {
        isComing = false;
        return notify();
      });
      context.waitUntil(sent);
    };
    return await doors(request, (store) => noticing(store, tell)).finally(answered.resolve);
  };
  return { answer, scheduled };
}

/** Each is three requests or so, and an invocation may make 50 (developers.cloudflare.com/workers/platform/limits). */
const scheduledNotices = 10;

const write = (level: "debug" | "info" | "warn" | "error", line: string): void => console[level](line);

/** Not set up rightly: which variable is wrong is for whoever set it up, and not for everybody who asks. */
function notSetUp(thrown: unknown): Response {
  console.error(toAppError(thrown).message);
  const problem = toProblem(
    new HttpError(503, "setup_failed", {
      sentence: "This server is not set up.",
      remedy: "Its log says which variable or secret is missing or wrong: `npx wrangler tail`.",
    }),
  );
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** Opened by the first request: at module scope there are neither timers nor randomness, and start-up time is short. */
function openWorker() {
  let opened: Opened | undefined;
  const ready = (bindings: Bindings): Opened => {
    opened ??= open(bindings);
    return opened;
  };
  return {
    fetch: async (request: Request, bindings: Bindings, context?: Context): Promise<Response> => {
      try {
        return await ready(bindings).answer(request, context);
      } catch (error) {
        if (opened) throw error;
        return notSetUp(error);
      }
    },
    /** By the cron trigger: what no runner does while none asks, and notifications. */
    scheduled: async (_event: unknown, bindings: Bindings): Promise<void> => ready(bindings).scheduled(),
  };
}

export default openWorker();
