import { closing, lettingGo } from "./endings.ts";
import { gates, limits, ofPool, waking } from "./gates.ts";
import { changing, isHeld, readHeld, telling } from "./job.ts";
import { brief, together } from "./prologue.ts";
import { may } from "./rules.ts";
import { scriptOfMany } from "./script.ts";

/**
 * The one terminal transition of a run.
 *
 * Of each call: id; facts: runner, fence, status, the revision that the runner knows (or empty), number of the first event
 * (or empty); patch (a list), events (a list).
 * Answers: ended, hash; ended, nothing, time, revision, where the runner knew all before; lost.
 */
export const finish = scriptOfMany("finish", {
  parts: [brief, together, ofPool, limits, changing, gates, "local common, runner, fence, status, known, first\n"],
  body: `
local id, facts, fields, events = arg(), arg(), list(), list()
if facts ~= common then
  common = facts
  runner, fence, status, known, first = unpack(cjson.decode(facts))
  first = tonumber(first)
end
local j
${readHeld("id")}
if (j.attempt or '0') == fence and (j._runner or runner) == runner and j.status == status then
  return {'ended', call('HGETALL', KEY)}
end
local is_known = known ~= '' and tonumber(known) == revision(j)
if not (${isHeld}) or not ${may("finish")} then return {'lost'} end
${telling}
${lettingGo}
j.status = status
${closing}
if is_known then return {'ended', false, now, revision(j)} end
return {'ended', call('HGETALL', KEY)}
`,
  after: `settle()${waking}`,
});
