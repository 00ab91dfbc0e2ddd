import { brief } from "./prologue.ts";
import { scriptOfMany } from "./script.ts";

/**
 * Takes a turn, as `takenTurn` (shared/turn.ts) counts them.
 *
 * Of each call: subject, limit, milliseconds of the window. Answers: taken|refused, remaining, milliseconds to the reset.
 */
export const takeTurn = scriptOfMany("take-turn", {
  parts: [brief],
  body: `
local key, limit, window = P .. 'turns:' .. arg(), tonumber(arg()), tonumber(arg())
local start = now - now % window
local kept = call('HMGET', key, 'start', 'before', 'taken')
local kept_start, before, taken = tonumber(kept[1]), 0, 0
if kept_start == start then before, taken = tonumber(kept[2]), tonumber(kept[3])
elseif kept_start == start - window then before = tonumber(kept[3]) end
local elapsed = now - start
local used = math.floor(before * (window - elapsed) / window) + taken
if used < limit then
  call('HSET', key, 'start', whole(start), 'before', whole(before), 'taken', whole(taken + 1))
  call('PEXPIRE', key, whole(2 * window - elapsed))
  return {'taken', limit - used - 1, window - elapsed}
end
local function fades(count, room) return math.floor(window * (count - room) / count) + 1 end
if taken < limit then return {'refused', 0, fades(before, limit - taken) - elapsed} end
return {'refused', 0, window - elapsed + fades(taken, limit)}
`,
});
