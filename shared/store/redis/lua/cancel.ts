import { endingInQueue } from "./endings.ts";
import { gates, limits, ofPool, places, waking } from "./gates.ts";
import { jobs } from "./job.ts";
import { reader, writing } from "./prologue.ts";
import { because, may } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Asks for a job's end: a queued one ends at once.
 *
 * KEYS: meta, job. ARGV: limits, id, tenant (or empty), who asks.
 * Answers: job, hash, its changes, position; none.
 */
export const cancel = script(
  "cancel",
  [writing, reader, ofPool, places, limits, jobs, gates, endingInQueue],
  `
local _, id, tenant, by = arg(), arg(), some(), arg()
local j = load(id)
if not j or (tenant and terms(j).tenant ~= tenant) then return {'none'} end
if ${may("cancel")} and not j.cancel_requested_at then
  put(j, 'cancel_requested_at', now)
  put(j, '_cancel_by', by)
  put(j, '_asked', (j._asked or 0) + 1)
  append(j, 'cancel.requested', '{"by":' .. cjson.encode(by) .. '}')
  if j.status == 'running' then
    flush(j)
    call('PUBLISH', P .. 'ctl:' .. j._runner, id)
  else
    leave(j)
    ${because("cancelled", "'The job was cancelled by ' .. by .. ' while it waited.'")}
    close(j, 'cancelled')
  end
  ${waking}
end
return {'job', j.flat, j.set, position(j)}
`,
);
