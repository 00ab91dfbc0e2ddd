import { closing, lettingGo } from "./endings.ts";
import { gates, limits, ofPool, waking } from "./gates.ts";
import { changing, isHeld, readJob, telling } from "./job.ts";
import { brief, reader } from "./prologue.ts";
import { may } from "./rules.ts";
import { script } from "./script.ts";

/**
 * The one terminal transition of a run.
 *
 * KEYS: meta, job. ARGV: limits, id, runner, fence, status, patch (a list), number of the first event (or empty),
 * events (a list).
 * Answers: ended, hash, its changes; lost.
 */
export const finish = script(
  "finish",
  [brief, reader, ofPool, limits, changing, gates],
  `
local _, id, runner, fence, status, fields, first, events = arg(), arg(), arg(), arg(), arg(), list(), some(), list()
local j
${readJob("id")}
if j and (j.attempt or '0') == fence and (j._runner or runner) == runner and j.status == status then
  return {'ended', j.flat, j.set}
end
if not (${isHeld}) or not ${may("finish")} then return {'lost'} end
${telling}
${lettingGo}
j.status = status
${closing}
${waking}
return {'ended', j.flat, j.set}
`,
);
