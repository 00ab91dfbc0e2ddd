import { places } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Keeps a follow-up for a live job until it was delivered; what was delivered leaves its id, so that it never comes twice.
 *
 * KEYS: meta, job. ARGV: id, tenant (or empty), the message's id, its mode, the message as JSON.
 * Answers: job, hash, position; over, status; none.
 */
export const message = script(
  "message",
  [writing, rules, jobs, places],
  `
local id, tenant, name, mode, text = arg(), some(), arg(), arg(), arg()
local j = load(id)
if not theirs(j, tenant) then return {'none'} end
local key = P .. 'messages:' .. id
local known = j._messages and redis.call('HEXISTS', key, name) == 1
if not known then
  if TERMINAL[j.status] then return {'over', j.status} end
  local n = num(j._messages) + 1
  redis.call('HSET', key, name, n .. ' ' .. text)
  put(j, '_messages', n)
  put(j, '_asked', num(j._asked) + 1)
  append(j, 'message.received', '{"message_id":' .. cjson.encode(name) .. ',"mode":' .. cjson.encode(mode) .. '}')
  flush(j)
  if j.status == 'running' then redis.call('PUBLISH', P .. 'ctl:' .. j._runner, id) end
end
return {'job', all(j), position(j)}
`,
);
