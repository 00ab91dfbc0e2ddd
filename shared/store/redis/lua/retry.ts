import { reserving } from "./budgets.ts";
import { attempts } from "./endings.ts";
import { gates, limits, ofPool, places, waking } from "./gates.ts";
import { jobs } from "./job.ts";
import { reader, writing } from "./prologue.ts";
import { may } from "./rules.ts";
import { script } from "./script.ts";

/**
 * A terminal job queued again. The same operation again changes nothing and is answered with the job as it is then.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, tenant (or empty), \`publish\` for the publication alone (or empty), budgets
 * (see \`reserve\`; or empty).
 * Answers: job, hash, its changes, position; live, status; none; budget, name, spent, reserved.
 */
export const retry = script(
  "retry",
  [writing, reader, ofPool, places, limits, jobs, gates, attempts],
  `
local _, op, id, tenant, only, budgets = arg(), arg(), arg(), some(), some(), some()
local j = load(id)
local agreed = j and terms(j)
if not j or (tenant and agreed.tenant ~= tenant) then return {'none'} end
if j._retried == op then return {'job', j.flat, j.set, position(j)} end
if not ${may("retry")} then return {'live', j.status} end

if budgets then
  ${reserving}
  local kept, refused = reserve(budgets, math.floor((tonumber(j.cost_usd) or 0) * 1e6 + 0.5))
  if refused then return refused end
  put(j, '_budgets', kept)
end
local _, told = string.gsub(j.attempts or '', '{"number":', '')
if told < tonumber(j.attempt or 0) then add_attempt(j, 'ended', j.ended_at) end
local function unpublished()
  if j.status ~= 'failed' or not j.result or j.exit_code ~= '0' then return false end
  local said = cjson.decode(j.result)
  return said.subtype == 'success' and said.is_error == false
end
local gone = {'ended_at', 'started_at', 'phase', 'pid', 'waiting', 'cancel_requested_at', 'error', 'error_code', 'remedy',
  'pr_error', 'publish_only', '_started', '_cancel_by', '_lost'}
local function lose(...) for _, f in ipairs({...}) do gone[#gone + 1] = f end end
if not only then lose('warnings') end
if not only and not unpublished() then lose('exit_code', 'output', 'result') end
for _, f in ipairs(gone) do j[f] = nil end
call('HDEL', j.key, unpack(gone))
if only then put(j, 'publish_only', 'true') end

local place = call('HINCRBY', M, 'seq', 1)
seq = place
local till = now + agreed.queue_ms
if not j._born then put(j, '_born', queued_at(j)) end
call('ZREM', P .. 'index:status:' .. j.status, id)
put(j, '_retried', op)
put(j, '_score', string.format('%.0f', math.floor(j._score / 1e13) * 1e13 + place))
put(j, '_queued', now)
put(j, '_expires', till)
put(j, 'status', 'queued')
call('ZREM', P .. 'gone', id .. agreed.tenant)
call('ZADD', of_pool('demand', j.pool), till, id)
call('HSET', M, 'pool:' .. j.pool, 1)
if j.session_id then call('ZADD', P .. 'users:' .. j.session_id, place, id) end
for _, key in ipairs({j.key, P .. 'events:' .. id, P .. 'messages:' .. id}) do call('PERSIST', key) end
if j._key and call('HGET', j._key, 'job') == id then
  call('PERSIST', j._key)
  call('HDEL', j._key, 'gone')
end
gates().enter(j)
append(j, 'job.queued', '{"reason":"' .. (only or 'retry') .. '"}')
flush(j)
${waking}
return {'job', call('HGETALL', j.key), {}, position(j)}
`,
);
