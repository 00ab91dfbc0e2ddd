import { endings } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Keeps a lease, and takes what its runner tells.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, runner, fence, lease in milliseconds, patch (a list of fields and values),
 * whether a new phase is to be told (1 or 0), number of the first event (or empty), events (a list of types and facts),
 * ids of delivered messages (a list).
 * Answers: kept, messages, who cancelled, when; lost.
 */
export const renew = script(
  "renew",
  [writing, rules, jobs, gates, endings],
  `
local op, id, runner, fence, lease_ms = arg(), arg(), arg(), arg(), tonumber(arg())
local fields, tell, first, events, delivered = list(), arg() == '1', some(), list(), list()
local j = load(id)
if not held(j, runner, fence) or not may(j, 'renew') then return {'lost'} end
redis.call('ZADD', P .. 'leases', now + lease_ms, id)
if lease_ms > longest then redis.call('HSET', M, 'lease', lease_ms) end
local again = j._renewed == op
if not again and #events + #fields + #delivered > 0 then
  append_told(j, first, events)
  local before = j.phase
  patch(j, fields)
  if tell and j.phase ~= before then append(j, 'phase.changed', '{"phase":' .. quoted(j.phase) .. '}') end
  for _, message in ipairs(delivered) do
    local text = redis.call('HGET', P .. 'messages:' .. id, message)
    if text and text ~= '' then
      redis.call('HSET', P .. 'messages:' .. id, message, '')
      append(j, 'message.delivered', '{"message_id":' .. quoted(message) .. '}')
    end
  end
  put(j, '_renewed', op)
end
if j._asked ~= j._told then put(j, '_told', j._asked) end
if j.out._renewed then flush(j) elseif j.out._told then redis.call('HSET', j.key, '_told', j._told) end
wake()
local messages = j._messages and redis.call('HVALS', P .. 'messages:' .. id) or {}
return {'kept', messages, j.cancel_requested_at and (j._cancel_by or '') or '', j.cancel_requested_at or ''}
`,
);
