import { endings } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Asks for a job's end: a queued one ends at once.
 *
 * KEYS: meta, job. ARGV: limits, id, tenant (or empty), who asks.
 * Answers: job, hash, position; none.
 */
export const cancel = script(
  "cancel",
  [writing, rules, jobs, gates, endings],
  `
local id, tenant, by = arg(), some(), arg()
local j = load(id)
if not theirs(j, tenant) then return {'none'} end
if may(j, 'cancel') and not j.cancel_requested_at then
  put(j, 'cancel_requested_at', iso(now))
  put(j, '_cancel_by', by)
  put(j, '_asked', num(j._asked) + 1)
  append(j, 'cancel.requested', '{"by":' .. quoted(by) .. '}')
  if j.status == 'running' then
    flush(j)
    redis.call('PUBLISH', P .. 'ctl:' .. j._runner, id)
  else end_in_queue(j, 'cancelled', 'cancelled', 'The job was cancelled by ' .. by .. ' while it waited.') end
  wake()
end
return {'job', all(j), position(j)}
`,
);
