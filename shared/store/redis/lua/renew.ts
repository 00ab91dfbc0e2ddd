import { gates, limits, ofPool, waking } from "./gates.ts";
import { changing, flushing, telling } from "./job.ts";
import { noteDue, reader, writing } from "./prologue.ts";
import { may } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Keeps a lease, and takes what its runner tells.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, runner, fence, lease in milliseconds, patch (a list of fields and values),
 * whether a new phase is to be told (1 or 0), number of the first event (or empty), events (a list of types and facts),
 * ids of delivered messages (a list).
 * Answers: kept, messages, who cancelled, when, the job's revision before and after (none where nothing was told anew); lost.
 */
export const renew = script(
  "renew",
  [writing, reader],
  `
local _, op, id, runner, fence, lease_ms = arg(), arg(), arg(), arg(), arg(), tonumber(arg())
local fields, tells, first, events, delivered = list(), arg() == '1', some(), list(), list()
local key = KEYS[2]
local status, owner, number, asked, told, messages, at, by, renewed =
  unpack(call('HMGET', key, 'status', '_runner', 'attempt', '_asked', '_told', '_messages', 'cancel_requested_at',
    '_cancel_by', '_renewed'))
local j, before_it, after_it = {status = status}, false, false
if owner ~= runner or number ~= fence or not ${may("renew")} then return {'lost'} end
call('ZADD', LEASES, whole(now + lease_ms), id)
${noteDue("now + lease_ms")}
if lease_ms > longest then call('HSET', M, 'lease', lease_ms) end
if #events + #fields + #delivered > 0 and renewed ~= op then
  ${ofPool}${limits}${changing}${gates}
  local names = {'pool', 'session_id', '_repo', '_score', 'attempt', 'phase', '_events', '_bytes', '_cut', '_cut_bytes',
    '_told_events', '_notify', '_rev', '_tail', '_streamed', '_in_pool', '_in_repo'}
  local values = call('HMGET', key, unpack(names))
  j = {id = id, key = key, set = {}, n = 0}
  for i = 1, #names do if values[i] and values[i] ~= '' then j[names[i]] = values[i] end end
  local before = j.phase or 'claimed'
  before_it = revision(j)
  ${telling}
  if tells and j.phase ~= before then append(j, 'phase.changed', '{"phase":' .. cjson.encode(j.phase) .. '}') end
  for _, message in ipairs(delivered) do
    local text = call('HGET', P .. 'messages:' .. id, message)
    if text and text ~= '' then
      call('HSET', P .. 'messages:' .. id, message, '')
      -- That an answer has come, its runner tells with what became of the question.
      if not string.find(text, '"answer":{', 1, true) then
        append(j, 'message.delivered', '{"message_id":' .. cjson.encode(message) .. '}')
      end
    end
  end
  put(j, '_renewed', op)
  ${flushing}
  ${waking}
  after_it = revision(j)
end
if asked ~= told then call('HSET', key, '_told', asked) end
return {'kept', messages and call('HVALS', P .. 'messages:' .. id) or {}, at and (by or '') or '', at or '', before_it, after_it}
`,
);
