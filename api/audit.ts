import type { AppError } from "../shared/error.ts";
import type { Log, LogFacts } from "../shared/log.ts";
import { toProblem } from "../shared/problem.ts";
import type { Caller } from "./asked.ts";

type Facts = Readonly<{ request_id: string; method: string; path: string; caller: Caller | undefined }>;

type Act = Pick<Facts, "request_id" | "caller"> & LogFacts;

/** Statuses that say: not you, not this, not now. */
const refusals: readonly number[] = [401, 403, 429];

/** One line for each request that was turned away: who, what and why, and never with what. */
export function auditRefusal(log: Log, error: AppError, { caller, ...asked }: Facts): void {
  const { status, code, detail } = toProblem(error);
  if (refusals.includes(status)) log.warn("refused", { audit: code, ...asked, ...who(caller), status, reason: detail });
}

/** One line for each act of an administrator. */
export const auditAct = (log: Log, act: string, { caller, ...facts }: Act): void =>
  log.info("admin act", { audit: act, ...facts, ...who(caller) });

const who = (caller: Caller | undefined) =>
  caller ? { tenant: caller.tenant, by: caller.name, ...(caller.key === undefined ? {} : { key: caller.key }) } : {};
