import { endings } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * A terminal job queued again. The same operation again changes nothing and is answered with the job as it is then.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, tenant (or empty), `publish` for the publication alone (or empty).
 * Answers: job, hash, position; live, status; none.
 */
export const retry = script(
  "retry",
  [writing, rules, jobs, gates, endings],
  `
local op, id, tenant, only = arg(), arg(), some(), some()
local j = load(id)
if not theirs(j, tenant) then return {'none'} end
if j._retried == op then return {'job', all(j), position(j)} end
if not may(j, 'retry') then return {'live', j.status} end

local function unpublished()
  local result, code = unpack(redis.call('HMGET', j.key, 'result', 'exit_code'))
  if j.status ~= 'failed' or not result or code ~= '0' then return false end
  local said = cjson.decode(result)
  return said.subtype == 'success' and said.is_error == false
end
local gone = {'ended_at', 'started_at', 'phase', 'pid', 'waiting', 'cancel_requested_at', 'error', 'error_code', 'remedy',
  'pr_error', 'publish_only', '_cancel_by', '_lost'}
local function lose(...) for _, f in ipairs({...}) do gone[#gone + 1] = f end end
if not only then lose('warnings') end
if not only and not unpublished() then lose('exit_code', 'output', 'result') end
for _, f in ipairs(gone) do
  j[f] = nil
  j.out[f] = false
end
if only then put(j, 'publish_only', 'true') end

local place = count()
local rank = math.floor(j._score / 1e13)
local till = now + j._queue_ttl
put(j, '_retried', op)
put(j, '_score', string.format('%.0f', rank * 1e13 + place))
put(j, '_queued', now)
put(j, '_expires', till)
mark(j, 'queued')
redis.call('ZREM', P .. 'gone', id .. j._tenant)
redis.call('ZADD', of_pool('demand', j.pool), now, id)
redis.call('ZADD', P .. 'expires', till, id)
if j.session_id then redis.call('ZADD', P .. 'users:' .. j.session_id, place, id) end
for _, key in ipairs({j.key, P .. 'events:' .. id, P .. 'messages:' .. id}) do redis.call('PERSIST', key) end
if owns_key(j) then
  redis.call('PERSIST', j._key)
  redis.call('HDEL', j._key, 'gone')
end
enter(j, true)
append(j, 'job.queued', '{"reason":"' .. (only or 'retry') .. '"}')
flush(j)
wake(true)
return {'job', all(j), position(j)}
`,
);
