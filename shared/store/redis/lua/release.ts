import { endings, givingBack } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Gives a job back. The same operation again changes nothing and is answered with the job as it is then.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, runner, fence, reason, delay in milliseconds (or empty), waiting as JSON (or
 * empty), until when it waits in milliseconds since 1970 (or empty), patch (a list), number of the first event (or empty),
 * events (a list).
 * Answers: released, hash, position, milliseconds until it is due; lost.
 */
export const release = script(
  "release",
  [writing, rules, jobs, gates, endings, givingBack],
  `
local op, id, runner, fence, reason, delay, waiting, till = arg(), arg(), arg(), arg(), arg(), some(), some(), some()
local fields, first, events = list(), some(), list()
local j = load(id)
if j and j._released == op then return {'released', all(j), position(j)} end
if not held(j, runner, fence) or not may(j, 'release') then return {'lost'} end
append_told(j, first, events)
patch(j, fields)
put(j, '_released', op)
give_back(j, reason, {delay = delay and tonumber(delay), waiting = waiting, till = till})
wake()
local due = redis.call('ZSCORE', P .. 'delayed', id)
return {'released', all(j), position(j), due and due - now or ''}
`,
);
