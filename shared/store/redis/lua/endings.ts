import { flushing, isoOf, marking } from "./job.ts";
import { noteDue } from "./prologue.ts";
import { because } from "./rules.ts";

/**
 * Jobs of a pool's \`demand\` in order: those that were not started yet by the end of their queue time, then those that were
 * and wait again, by when they began to. One that runs stays where it was until that end has passed.
 */
export const begun = 1e15;

/** Beyond the end of its job, an idempotency key is kept this long (contract 2), in milliseconds. */
const keyMs = 24 * 3_600_000;

/** The one terminal step of \`j\`: state, event and the times of removal. Behind \`ofPool\`. */
export const closing = (status: string): string => `
do
  local ttl, at = tonumber(j.ttl_seconds) * 1000, nil
  ${isoOf("now")}
  ${marking(status)}
  put(j, 'ended_at', at)
  call('ZREM', of_pool('demand', j.pool), j.id)
  call('ZADD', P .. 'gone', now + ttl, j.id .. j._tenant)
  if j.session_id then call('ZREM', P .. 'users:' .. j.session_id, j.id) end
  if j._key and call('HGET', j._key, 'job') == j.id then
    call('HSET', j._key, 'gone', now + ${keyMs})
    call('PEXPIRE', j._key, ${keyMs})
  end
  local facts = '{"status":"' .. j.status .. '"'
  for _, f in ipairs({'error_code', 'error', 'remedy', 'commit', 'branch'}) do
    if j[f] then facts = facts .. ',"' .. f .. '":' .. cjson.encode(j[f]) end
  end
  if j.cost_usd then facts = facts .. ',"cost_usd":' .. j.cost_usd end
  append(j, 'job.' .. j.status, facts .. '}')
  ${flushing}
  call('PEXPIRE', j.key, ttl)
  call('PEXPIRE', P .. 'events:' .. j.id, ttl)
  if j._messages then call('PEXPIRE', P .. 'messages:' .. j.id, ttl) end
end
`;

/** A job ends that no runner holds; behind \`closing\`. */
export const endingInQueue = `
local function close(j, status) ${closing("status")} end
local function because(j, code, sentence, remedy)
  put(j, 'error_code', code)
  put(j, 'error', sentence)
  put(j, 'remedy', remedy)
end
local function leave(j)
  if call('ZREM', P .. 'delayed', j.id) == 1 then call('ZREM', of_pool('held', j.pool), j.id)
  else gates().leave(j) end
  if j.waiting then put(j, 'waiting', '') end
  if j._expires then put(j, '_expires', '') end
end
local function expire(j)
  local seconds = string.format('%.14g', j._queue_ttl / 1000)
  leave(j)
  ${because("queue_expired", "'No runner took the job within its ' .. seconds .. ' s in the queue.'")}
  close(j, 'expired')
end
`;

/** The attempt of \`j\` is over. Behind \`gates\`. */
export const endingAttempt = (reason: string): string => `
do
  local at
  ${isoOf("now")}
  local ended = '{"number":' .. j.attempt .. ',"pod_name":' .. cjson.encode(j.pod_name or '') .. ',"started_at":"'
    .. (j._started or at) .. '","ended_at":"' .. at .. '","reason":"' .. ${reason} .. '"}'
  put(j, 'attempts', j.attempts and j.attempts .. ',' .. ended or ended)
  if j.phase then put(j, 'phase', '') end
  call('ZREM', P .. 'leases', j.id)
  if pool_limit(j.pool) then woken[j.pool] = true end
  if j.session_id or j._repo then gates().vacate(j)
  elseif call('HINCRBY', P .. 'use', 'pool:' .. j.pool, -1) <= 0 then call('HDEL', P .. 'use', 'pool:' .. j.pool) end
end
`;

/**
 * The attempt is over and the job is not, unless starts are used up or a cancel waits; behind \`losses\`, \`endingInQueue\`
 * and \`gates\`.
 */
export const givingBack = `
local function put_back(j, reason, how)
  local delay = how.delay
  if not delay and LOSS[reason] then delay = LOSS_DELAYS[math.min(j._lost, #LOSS_DELAYS)] end
  if not delay and how.till then delay = how.till - now end
  delay = math.max(0, math.ceil(delay or 0))
  local waiting = how.waiting
  if not waiting and delay > 0 then waiting = '{"reason":"backoff","until":"' .. iso(now + delay) .. '"}' end
  if j.pid then put(j, 'pid', '') end
  mark(j, 'queued')
  put(j, '_queued', now)
  call('ZADD', of_pool('demand', j.pool), ${begun} + now, j.id)
  append(j, 'job.queued', '{"reason":"' .. reason .. '"}')
  if waiting then
    put(j, 'waiting', waiting)
    append(j, 'job.delayed', waiting)
  end
  if delay > 0 then
    call('ZADD', P .. 'delayed', now + delay, j.id)
    ${noteDue("now + delay")}
    gates().hold(j.id, j._score, j.pool)
    call('PUBLISH', P .. 'wake', j.pool .. ' ' .. seq .. ' ' .. delay)
  else gates().enter(j) end
  flush(j)
end
local function give_back(j, reason, how)
  if LOSS[reason] then
    append(j, 'lease.lost', '{"pod_name":' .. cjson.encode(j.pod_name or '') .. ',"reason":"' .. reason .. '"}')
  end
  local status = released(j, reason)
  if LOSS[reason] then put(j, '_lost', (j._lost or 0) + 1) end
  ${endingAttempt("reason")}
  if status == 'queued' then return put_back(j, reason, how) end
  if status == 'cancelled' then
    ${because("cancelled", "'The job was cancelled by ' .. (j._cancel_by or 'someone') .. '.'")}
  else
    local times = j._lost == 1 and ' time' or ' times'
    local pod = j.pod_name or 'a runner'
    ${because("runner_lost", "'The job lost its runner ' .. j._lost .. times .. ', the last one while it ran on ' .. pod .. '.'")}
  end
  close(j, status)
end
`;
