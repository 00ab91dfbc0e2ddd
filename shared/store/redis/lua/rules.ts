import { errorCodes } from "../../../error.ts";
import { AttemptReason, JobStatus, terminalStatuses } from "../../../job.ts";
import { arrows, isLoss, lossDelayMs } from "../../../transition.ts";

const text = (value: string): string => JSON.stringify(value);
const table = (entries: readonly (readonly [name: string, value: string])[]): string =>
  `{${entries.map(([name, value]) => `${name}=${value}`).join(",")}}`;
const set = (names: readonly string[]): string => table(names.map((name) => [name, "true"]));

/** `lost` never passes the largest `max_attempts`. */
const losses = Array.from({ length: 10 }, (_, n) => lossDelayMs(n + 1));
const told = ["cancelled", "runner_lost", "queue_expired"] as const;

/** Jobs of one tenant stand in one index, those of one status together: status times 1e12, plus the number of the job. */
export const statusPlace = (status: JobStatus): number => JobStatus.options.indexOf(status) + 1;

/** The one rule book (shared/transition.ts) in Lua: generated, so that it stays one. */
export const rules = `
local ARROWS = ${table(Object.entries(arrows).map(([status, commands]) => [status, set(commands)]))}
local TERMINAL = ${set(terminalStatuses)}
local STATUS = ${table(JobStatus.options.map((status) => [status, `${statusPlace(status)}`]))}
local LOSS = ${set(AttemptReason.options.filter(isLoss))}
local LOSS_DELAYS = {${losses.join(",")}}
local REMEDY = ${table(told.map((code) => [code, text(errorCodes[code].remedy)]))}
local function may(j, command) local from = ARROWS[j.status] return from ~= nil and from[command] == true end
local function released(j, reason)
  if j.cancel_requested_at then return 'cancelled' end
  if LOSS[reason] and (tonumber(j._lost) or 0) + 1 >= tonumber(j.max_attempts) then return 'failed' end
  return 'queued'
end
`;
