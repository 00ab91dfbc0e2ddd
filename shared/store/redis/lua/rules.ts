import { errorCodes } from "../../../error.ts";
import { AttemptReason, JobStatus } from "../../../job.ts";
import { arrows, type CommandType, isLoss, lossDelayMs } from "../../../transition.ts";

/** The one rule book (shared/transition.ts) in Lua: generated, so that it stays one. */

/** A condition on the status of \`j\`: it allows the command. */
export const may = (command: CommandType): string =>
  `(${JobStatus.options
    .filter((status) => (arrows[status] as readonly CommandType[]).includes(command))
    .map((status) => `j.status == '${status}'`)
    .join(" or ")})`;

/** \`lost\` is never more than the largest \`max_attempts\`. */
const delays = Array.from({ length: 10 }, (_, n) => lossDelayMs(n + 1));

/** Where a job goes that is given back, and when it may start again. */
export const losses = `
local LOSS = {${AttemptReason.options.filter(isLoss).map((reason) => `${reason}=true`)}}
local LOSS_DELAYS = {${delays}}
local function released(j, reason)
  if j.cancel_requested_at then return 'cancelled' end
  if LOSS[reason] and (j._lost or 0) + 1 >= tonumber(terms(j).attempts) then return 'failed' end
  return 'queued'
end
`;

/** Writes why a job has ended, with the usual remedy of the code. */
export const because = (code: keyof typeof errorCodes, sentence: string): string =>
  `because(j, '${code}', ${sentence}, ${JSON.stringify(errorCodes[code].remedy)})`;
