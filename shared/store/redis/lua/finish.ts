import { endings } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * The one terminal transition of a run.
 *
 * KEYS: meta, job. ARGV: limits, id, runner, fence, status, patch (a list), number of the first event (or empty),
 * events (a list).
 * Answers: ended, hash, position; lost.
 */
export const finish = script(
  "finish",
  [writing, rules, jobs, gates, endings],
  `
local id, runner, fence, status, fields, first, events = arg(), arg(), arg(), arg(), list(), some(), list()
local j = load(id)
if j and (j._fence or '0') == fence and (j._runner or runner) == runner and j.status == status then return {'ended', all(j), ''} end
if not held(j, runner, fence) or not may(j, 'finish') then return {'lost'} end
append_told(j, first, events)
patch(j, fields)
end_attempt(j, 'ended')
close(j, status)
wake()
return {'ended', all(j), ''}
`,
);
