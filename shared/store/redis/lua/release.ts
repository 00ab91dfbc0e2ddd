import { attempts, endingInQueue, givingBack } from "./endings.ts";
import { gates, limits, ofPool, places, waking } from "./gates.ts";
import { isHeld, jobs, telling } from "./job.ts";
import { reader, writing } from "./prologue.ts";
import { losses, may } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Gives a job back. The same operation again changes nothing and is answered with the job as it is then.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, runner, fence, reason, delay in milliseconds (or empty), waiting as JSON (or
 * empty), until when it waits in milliseconds since 1970 (or empty), patch (a list), number of the first event (or empty),
 * events (a list).
 * Answers: released, hash, its changes, position, milliseconds until it is due; lost.
 */
export const release = script(
  "release",
  [writing, reader, ofPool, places, limits, jobs, losses, gates, attempts, endingInQueue, givingBack],
  `
local _, op, id, runner, fence, reason = arg(), arg(), arg(), arg(), arg(), arg()
local delay, waiting, till, fields, first, events = some(), some(), some(), list(), some(), list()
local j = load(id)
if j and j._released == op then return {'released', j.flat, j.set, position(j), ''} end
if not (${isHeld}) or not ${may("release")} then return {'lost'} end
${telling}
put(j, '_released', op)
give_back(j, reason, {delay = delay and tonumber(delay), waiting = waiting, till = till})
${waking}
local due = call('ZSCORE', P .. 'delayed', id)
return {'released', j.flat, j.set, position(j), due and due - now or ''}
`,
);
