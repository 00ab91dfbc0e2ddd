import { closing, lettingGo } from "./endings.ts";
import { gates, limits, ofPool, waking } from "./gates.ts";
import { changing, isHeld, readHeld, telling } from "./job.ts";
import { brief, together } from "./prologue.ts";
import { may } from "./rules.ts";
import { scriptOfMany } from "./script.ts";

/**
 * The one terminal transition of a run.
 *
 * Of each call: id, runner, fence, status, the revision that the runner knows (or empty), patch (a list), number of the
 * first event (or empty), events (a list).
 * Answers: ended, hash; ended, nothing, time, revision, where the runner knew all before; lost.
 */
export const finish = scriptOfMany("finish", {
  parts: [brief, together, ofPool, limits, changing, gates],
  body: `
local id, runner, fence, status, known, fields, first, events = arg(), arg(), arg(), arg(), arg(), list(), some(), list()
local j
${readHeld("id")}
local function answer(is_known)
  if is_known then return {'ended', false, now, revision(j)} end
  return {'ended', call('HGETALL', KEY)}
end
if (j.attempt or '0') == fence and (j._runner or runner) == runner and j.status == status then return answer(false) end
local is_known = known ~= '' and tonumber(known) == revision(j)
if not (${isHeld}) or not ${may("finish")} then return {'lost'} end
${telling}
${lettingGo}
j.status = status
${closing}
return answer(is_known)
`,
  after: `settle()${waking}`,
});
