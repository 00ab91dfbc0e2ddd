import { endings, givingBack, nextTimes, upkeep } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * The best runnable job of the runner's pools, leased; before that, bounded upkeep.
 *
 * KEYS: meta. ARGV: limits, claim id, runner, its pod's name, length of the lease in milliseconds, pools (a list), keys of
 * warm repositories (a list).
 * Answers: job, id, hash, messages, count of news, milliseconds until time changes something; none, count, milliseconds.
 */
export const claim = script(
  "claim",
  [writing, rules, jobs, gates, endings, givingBack, upkeep, nextTimes],
  `
local claim_id, runner, pod, lease_ms, pools, warm = arg(), arg(), arg(), tonumber(arg()), list(), list()
local claim_key = P .. 'claim:' .. claim_id
local function lease(j)
  redis.call('ZADD', P .. 'leases', now + lease_ms, j.id)
  if lease_ms > longest then redis.call('HSET', M, 'lease', lease_ms) end
end
local function answer(j)
  local messages = j._messages and redis.call('HVALS', P .. 'messages:' .. j.id) or {}
  return {'job', j.id, all(j), messages, seq}
end
local known = redis.call('GET', claim_key)
if known then
  local j = load(known)
  if not (j and j.status == 'running' and j._runner == runner and j._claim == claim_id) then return {'none', seq, until_next()} end
  lease(j)
  return answer(j)
end

release_due(100)
reap(20)
if now - num(head[7]) >= 1000 or now < num(head[7]) then
  expire_overdue(20)
  remove_gone(2)
  redis.call('HSET', M, 'kept', now)
end
if redis.call('EXISTS', P .. 'leases') == 0 and lease_ms < longest then longest = 0 end

local open, seen = {}, {}
for _, p in ipairs(pools) do
  local limit = pool_limit(p)
  if not seen[p] and not (limit and in_use('pool:' .. p) >= limit) then open[#open + 1] = p end
  seen[p] = true
end
local function row(count)
  local ids = {}
  for _, p in ipairs(open) do
    local best = redis.call('ZRANGE', of_pool('queue', p), 0, count - 1, 'WITHSCORES')
    for i = 1, #best, 2 do ids[#ids + 1] = {id = best[i], score = tonumber(best[i + 1])} end
  end
  if #open > 1 then table.sort(ids, function(a, b) return a.score < b.score end) end
  return ids
end
local is_warm = {}
for _, key in ipairs(warm) do is_warm[key] = true end
local function passing(j, ids)
  if is_warm[j._repo] or now - num(j._queued) >= 10000 then return j end
  for i = 2, math.min(8, #ids) do
    if math.floor(ids[i].score / 1e13) ~= math.floor(ids[1].score / 1e13) then return j end
    local key = redis.call('HGET', P .. 'job:' .. ids[i].id, '_repo')
    if key and is_warm[key] then
      local other = load(ids[i].id)
      if not (other._expires and tonumber(other._expires) <= now) then return other end
    end
  end
  return j
end
local function choose()
  for _ = 1, 200 do
    local ids = row(#warm > 0 and 8 or 1)
    if not ids[1] then return nil end
    local j = load(ids[1].id)
    if not j then
      for _, p in ipairs(open) do redis.call('ZREM', of_pool('queue', p), ids[1].id) end
    elseif j._expires and tonumber(j._expires) <= now then expire(j)
    else
      if #warm > 0 then j = passing(j, ids) end
      if may(j, 'claim') and occupy(j) then return j end
    end
  end
end
local j = choose()
if not j then
  wake()
  return {'none', seq, until_next()}
end

mark(j, 'running')
put(j, 'phase', 'claimed')
put(j, 'attempt', num(j.attempt) + 1)
put(j, 'pod_name', pod)
put(j, '_fence', num(j._fence) + 1)
put(j, '_runner', runner)
put(j, '_claim', claim_id)
put(j, '_started', iso(now))
if not j.started_at then put(j, 'started_at', j._started) end
if j._asked then put(j, '_told', j._asked) end
drop(j, 'waiting')
drop(j, '_told_events')
if j._expires then
  drop(j, '_expires')
  redis.call('ZREM', P .. 'expires', j.id)
end
lease(j)
redis.call('SET', claim_key, j.id, 'PX', 2 * lease_ms)
append(j, 'job.claimed', '{"pod_name":' .. quoted(pod) .. '}')
flush(j)
wake()
return answer(j)
`,
);
