import { ofPool } from "./gates.ts";
import { reader, readingNow, writing } from "./prologue.ts";
import { script } from "./script.ts";
import { nextTimes } from "./upkeep.ts";

/** A runner silent for longer is gone (contract 2). */
const silenceMs = 90_000;

/**
 * Writes a runner's record, and tells it what an idle runner wants to know.
 *
 * KEYS: meta. ARGV: runner's id, name, record as JSON, its pools (a list).
 * Answers: announced, 1 where it is to drain, count of news, milliseconds until time changes something, live runners.
 */
export const announce = script(
  "announce",
  [writing, reader, ofPool, nextTimes],
  `
local id, name, record, pools = arg(), arg(), arg(), list()
call('HSET', P .. 'runner:' .. id, 'name', name, 'record', record)
call('ZADD', P .. 'runners', now, id)
local drain = call('HGET', P .. 'runner:' .. id, 'drain')
local live = call('ZCOUNT', P .. 'runners', '(' .. now - ${silenceMs}, '+inf')
return {'announced', drain and 1 or 0, seq, until_next(pools), live}
`,
);

/**
 * Takes a runner's record away.
 *
 * KEYS: meta. ARGV: runner's id. Answers: retired.
 */
export const retire = script(
  "retire",
  [writing, reader],
  `
local id = arg()
call('DEL', P .. 'runner:' .. id)
call('ZREM', P .. 'runners', id)
return {'retired'}
`,
);

/**
 * All live runners.
 *
 * KEYS: meta. Answers: runners, then for each its record and 1 where it is to drain.
 */
export const runners = script(
  "runners",
  [readingNow],
  `
local all = {'runners'}
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'runners', '(' .. now - ${silenceMs}, '+inf')) do
  local record, drain = unpack(call('HMGET', P .. 'runner:' .. id, 'record', 'drain'))
  if record then
    all[#all + 1] = record
    all[#all + 1] = drain and 1 or 0
  end
end
return all
`,
);

/**
 * Marks every live runner of a name as draining, and tells it.
 *
 * KEYS: meta. ARGV: name. Answers: drained, count.
 */
export const drain = script(
  "drain",
  [writing, reader],
  `
local name, marked = arg(), 0
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'runners', '(' .. now - ${silenceMs}, '+inf')) do
  if call('HGET', P .. 'runner:' .. id, 'name') == name then
    call('HSET', P .. 'runner:' .. id, 'drain', 1)
    call('PUBLISH', P .. 'ctl:' .. id, 'drain')
    marked = marked + 1
  end
end
return {'drained', marked}
`,
);
