import type { Context } from "hono";
import { isStoreAway } from "../../shared/error.ts";
import { keepNewest } from "../../shared/keep-newest.ts";
import type { Turn } from "../../shared/turn.ts";
import type { ApiEnv, Caller, TakenTurn } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { Step } from "../in-turn.ts";
import { RateLimited } from "./rate-limited.ts";

const windowMs = 60_000;
/** So long the store counts a turn, at most: see `takenTurn`. */
const memoryMs = 2 * windowMs;
/** A store that has just not answered is not asked for every request anew. */
const outMs = 2_000;
/** What an answer waits for its turn to be told, and a request near its limit for its turn. */
const patienceMs = 1_000;
const maxKnown = 10_000;

/** What this process knows of a key: how many turns it may still take, and until when an answer of the store says so. */
type Known = { limit: number; left: number; inFlight: number; until: number; closedUntil: number };
const nothing = { inFlight: 0, until: Number.NEGATIVE_INFINITY, closedUntil: Number.NEGATIVE_INFINITY };

/** When it has come, nobody needs to wait. */
function begun(answer: Promise<Turn | undefined>, limit: number): TakenTurn {
  const taking: TakenTurn = { limit, answer, told: undefined, isOver: false };
  taking.answer = answer.then((told) => {
    Object.assign(taking, { told, isOver: true });
    return told;
  });
  return taking;
}

/**
 * How often a key or token may ask, over all servers of one store; after authentication, for every door. The turn is
 * taken beside what was asked for, so that it costs no time of its own: whether a request goes on, the answers to those before
 * it tell. A key waits for its turn only in the last tenth of its limit, and while its first answer here is awaited. So one server
 * lets through what the limit says, and several together at most what was on its way then (docs/decisions/0013-turns-beside-requests.md).
 * Whoever is over the limit is refused without asking the store again. A store that is away refuses nobody.
 * @throws RateLimited.
 */
export function limitRate({ store, clock, log, settings }: ApiDeps): Step {
  const all = new Map<string, Known>();
  let outUntil = Number.NEGATIVE_INFINITY;

  const take = async (subject: string, known: Known): Promise<Turn | undefined> => {
    if (clock.uptime() < outUntil) return undefined;
    known.left -= 1;
    known.inFlight += 1;
    try {
      const turn = await store.takeTurn({ subject, limit: known.limit, windowMs });
      known.left = turn.remaining - known.inFlight + 1;
      known.until = clock.uptime() + memoryMs;
      if (!turn.allowed) known.closedUntil = clock.uptime() + turn.resetMs;
      return turn;
    } catch (error) {
      if (!isStoreAway(error)) log.error("a turn could not be taken", { error });
      outUntil = clock.uptime() + outMs;
      return undefined;
    } finally {
      known.inFlight -= 1;
    }
  };
  const knownOf = (subject: string, limit: number): Known => {
    const before = all.get(subject);
    const known = before?.limit === limit ? before : { ...nothing, limit, left: limit };
    if (clock.uptime() >= known.until && known.inFlight === 0) known.left = limit;
    keepNewest(all, [subject, known], maxKnown);
    return known;
  };
  /** Undefined where it is not answered soon. */
  const soon = async (taking: TakenTurn): Promise<Turn | undefined> => {
    if (taking.isOver) return taking.told;
    const enough = new AbortController();
    try {
      return await Promise.race([taking.answer, clock.sleep(patienceMs, enough.signal).then(() => undefined)]);
    } finally {
      enough.abort();
    }
  };

  const takeTurn = async (c: Context<ApiEnv>, limit: number): Promise<void> => {
    const { caller } = c.get("asked");
    const subject = caller.key ?? caller.tenant;
    const known = knownOf(subject, limit);
    if (clock.uptime() < known.closedUntil) throw refused(c, limit, known.closedUntil - clock.uptime());
    const isUnsure = known.left * 10 <= limit || (known.inFlight > 0 && clock.uptime() >= known.until);
    const taking = begun(take(subject, known), limit);
    if (isUnsure && (await soon(taking))?.allowed === false)
      throw refused(c, limit, known.closedUntil - clock.uptime());
    c.get("asked").turn = taking;
  };
  const tell = async (c: Context<ApiEnv>, turn: TakenTurn): Promise<void> => {
    const told = await soon(turn);
    if (told) for (const [name, value] of fields(turn.limit, told)) c.res.headers.set(name, value);
  };
  return {
    before: (c) => {
      // Who needed no key is nobody in particular.
      const { credential, caller } = c.get("asked");
      const limit = credential ? limitOf(caller, settings.ratePerMinute ?? 0) : 0;
      return limit === 0 ? undefined : takeTurn(c, limit);
    },
    after: (c) => {
      const { turn } = c.get("asked");
      return turn && tell(c, turn);
    },
  };
}

/** None for whom nothing limits. A runner that was refused would lose its leases, so only a rate of its own limits it. */
const limitOf = ({ rate, scopes }: Caller, usual: number): number => rate ?? (scopes.includes("runner") ? 0 : usual);

function refused(c: Context<ApiEnv>, limit: number, waitMs: number): RateLimited {
  for (const [name, value] of fields(limit, { remaining: 0, resetMs: waitMs })) c.header(name, value);
  return new RateLimited(`This key has made more than ${limit} requests within a minute.`, waitMs);
}

/** draft-ietf-httpapi-ratelimit-headers-10, 3 and 4. */
const fields = (limit: number, { remaining, resetMs }: Pick<Turn, "remaining" | "resetMs">) =>
  [
    ["ratelimit-policy", `"key";q=${limit};w=${windowMs / 1_000}`],
    ["ratelimit", `"key";r=${remaining};t=${Math.max(1, Math.ceil(resetMs / 1_000))}`],
  ] as const;
