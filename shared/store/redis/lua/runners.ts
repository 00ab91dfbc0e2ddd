import { nextTimes } from "./endings.ts";
import { readingNow, writing } from "./prologue.ts";
import { script } from "./script.ts";

/** A runner silent for longer is gone (contract 2). */
const silenceMs = 90_000;

/**
 * Writes a runner's record, and tells it what an idle runner wants to know.
 *
 * KEYS: meta. ARGV: runner's id, name, record as JSON.
 * Answers: announced, 1 where it is to drain, count of news, milliseconds until time changes something, live runners.
 */
export const announce = script(
  "announce",
  [writing, nextTimes],
  `
local id, name, record = arg(), arg(), arg()
redis.call('HSET', P .. 'runner:' .. id, 'name', name, 'record', record)
redis.call('ZADD', P .. 'runners', now, id)
local drain = redis.call('HGET', P .. 'runner:' .. id, 'drain')
local live = redis.call('ZCOUNT', P .. 'runners', '(' .. now - ${silenceMs}, '+inf')
return {'announced', drain and 1 or 0, seq, until_next(), live}
`,
);

/**
 * Takes a runner's record away.
 *
 * KEYS: meta. ARGV: runner's id. Answers: retired.
 */
export const retire = script(
  "retire",
  [writing],
  `
local id = arg()
redis.call('DEL', P .. 'runner:' .. id)
redis.call('ZREM', P .. 'runners', id)
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
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'runners', '(' .. now - ${silenceMs}, '+inf')) do
  local record, drain = unpack(redis.call('HMGET', P .. 'runner:' .. id, 'record', 'drain'))
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
  [writing],
  `
local name, marked = arg(), 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'runners', '(' .. now - ${silenceMs}, '+inf')) do
  if redis.call('HGET', P .. 'runner:' .. id, 'name') == name then
    redis.call('HSET', P .. 'runner:' .. id, 'drain', 1)
    redis.call('PUBLISH', P .. 'ctl:' .. id, 'drain')
    marked = marked + 1
  end
end
return {'drained', marked}
`,
);
