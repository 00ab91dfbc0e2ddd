/** Beyond the end of its job, an idempotency key is kept this long (contract 2), in milliseconds. */
const keyMs = 24 * 3_600_000;

/** The ways in which a run or a wait ends; behind \`gates\`. */
export const endings = `
local function quoted(v) return cjson.encode(v) end
local function ending_facts(j)
  local facts = {'"status":' .. quoted(j.status)}
  for _, f in ipairs({'error_code', 'error', 'remedy', 'commit', 'branch'}) do
    if j[f] then facts[#facts + 1] = '"' .. f .. '":' .. quoted(j[f]) end
  end
  if j.cost_usd then facts[#facts + 1] = '"cost_usd":' .. j.cost_usd end
  return '{' .. table.concat(facts, ',') .. '}'
end
local function because(j, code, sentence)
  put(j, 'error_code', code)
  put(j, 'error', sentence)
  put(j, 'remedy', REMEDY[code])
end
local function owns_key(j) return j._key and redis.call('HGET', j._key, 'job') == j.id end
local function close(j, status)
  local ttl = tonumber(j.ttl_seconds) * 1000
  mark(j, status)
  put(j, 'ended_at', iso(now))
  redis.call('ZREM', of_pool('demand', j.pool), j.id)
  redis.call('ZADD', P .. 'gone', now + ttl, j.id .. j._tenant)
  if j.session_id then redis.call('ZREM', P .. 'users:' .. j.session_id, j.id) end
  if owns_key(j) then
    redis.call('HSET', j._key, 'gone', now + ${keyMs})
    redis.call('PEXPIRE', j._key, ${keyMs})
  end
  append(j, 'job.' .. status, ending_facts(j))
  flush(j)
  redis.call('PEXPIRE', j.key, ttl)
  redis.call('PEXPIRE', P .. 'events:' .. j.id, ttl)
  if j._messages then redis.call('PEXPIRE', P .. 'messages:' .. j.id, ttl) end
end
local function end_in_queue(j, status, code, sentence)
  leave(j)
  redis.call('ZREM', P .. 'expires', j.id)
  drop(j, 'waiting')
  drop(j, '_expires')
  because(j, code, sentence)
  close(j, status)
end
local function expire(j)
  local seconds = string.format('%.14g', j._queue_ttl / 1000)
  end_in_queue(j, 'expired', 'queue_expired', 'No runner took the job within its ' .. seconds .. ' s in the queue.')
end
local function patch(j, fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'session_id' then adopt(j, fields[i + 1]) else put(j, fields[i], fields[i + 1]) end
  end
end
local function end_attempt(j, reason)
  local ended = '{"number":' .. j.attempt .. ',"pod_name":' .. quoted(j.pod_name or '') .. ',"started_at":"'
    .. (j._started or iso(now)) .. '","ended_at":"' .. iso(now) .. '","reason":"' .. reason .. '"}'
  put(j, 'attempts', j.attempts and j.attempts .. ',' .. ended or ended)
  drop(j, 'phase')
  redis.call('ZREM', P .. 'leases', j.id)
  vacate(j)
end
`;

/** The attempt is over and the job is not, unless starts are used up or a cancel waits; behind \`endings\`. */
export const givingBack = `
local function put_back(j, reason, how)
  local delay = how.delay
  if not delay and LOSS[reason] then delay = LOSS_DELAYS[math.min(num(j._lost), #LOSS_DELAYS)] end
  if not delay and how.till then delay = how.till - now end
  delay = math.max(0, math.ceil(delay or 0))
  local waiting = how.waiting
  if not waiting and delay > 0 then waiting = '{"reason":"backoff","until":"' .. iso(now + delay) .. '"}' end
  drop(j, 'pid')
  mark(j, 'queued')
  put(j, '_queued', now)
  redis.call('ZADD', of_pool('demand', j.pool), now, j.id)
  append(j, 'job.queued', '{"reason":"' .. reason .. '"}')
  if waiting then
    put(j, 'waiting', waiting)
    append(j, 'job.delayed', waiting)
  end
  if delay > 0 then
    redis.call('ZADD', P .. 'delayed', now + delay, j.id)
    hold(j.id, j._score, j.pool)
    redis.call('PUBLISH', P .. 'wake', j.pool .. ' ' .. seq .. ' ' .. delay)
  else enter(j, true) end
  flush(j)
end
local function give_back(j, reason, how)
  if LOSS[reason] then
    append(j, 'lease.lost', '{"pod_name":' .. quoted(j.pod_name or '') .. ',"reason":"' .. reason .. '"}')
  end
  local status = released(j, reason)
  if LOSS[reason] then put(j, '_lost', num(j._lost) + 1) end
  end_attempt(j, reason)
  if status == 'queued' then return put_back(j, reason, how) end
  if status == 'cancelled' then
    because(j, 'cancelled', 'The job was cancelled by ' .. (j._cancel_by or 'someone') .. '.')
  else
    local lost = num(j._lost)
    because(j, 'runner_lost', 'The job lost its runner ' .. lost .. (lost == 1 and ' time' or ' times')
      .. ', the last one while it ran on ' .. (j.pod_name or 'a runner') .. '.')
  end
  close(j, status)
end
`;

/** What time does to jobs, in bounded steps; behind \`givingBack\`. Each gives the ids that it changed. */
export const upkeep = `
local changed = {}
local function due(key, limit, till) return redis.call('ZRANGEBYSCORE', P .. key, '-inf', till or now, 'LIMIT', 0, limit) end
local function release_due(limit)
  local ids = due('delayed', limit)
  for _, id in ipairs(ids) do
    redis.call('ZREM', P .. 'delayed', id)
    local j = load(id)
    if j and j.status == 'queued' then enter(j, false) end
  end
  return #ids
end
local function reap(limit)
  local ids = due('leases', limit, now < grace and math.min(now, spared) or now)
  for _, id in ipairs(ids) do
    local j = load(id)
    if j and j.status == 'running' then
      redis.call('PUBLISH', P .. 'ctl:' .. j._runner, id)
      give_back(j, 'lease_lost', {})
      changed[#changed + 1] = id
    else redis.call('ZREM', P .. 'leases', id) end
  end
  return #ids
end
local function expire_overdue(limit)
  local ids = due('expires', limit)
  for _, id in ipairs(ids) do
    local j = load(id)
    if j and may(j, 'expire') then
      expire(j)
      changed[#changed + 1] = id
    else redis.call('ZREM', P .. 'expires', id) end
  end
  return #ids
end
local function remove_gone(limit)
  local gone = due('gone', limit)
  for _, member in ipairs(gone) do
    local id = string.sub(member, 1, 36)
    redis.call('DEL', P .. 'job:' .. id, P .. 'events:' .. id, P .. 'messages:' .. id)
    redis.call('ZREM', P .. 'index:' .. string.sub(member, 37), id)
    redis.call('ZREM', P .. 'gone', member)
    redis.call('PUBLISH', P .. 'changed:' .. id, '')
    changed[#changed + 1] = id
  end
  return #gone
end
`;

/** Milliseconds until time alone changes something (a delay, a lease or a queue time ends), or none; behind \`writing\`. */
export const nextTimes = `
local function until_next()
  local at
  for _, key in ipairs({'delayed', 'leases', 'expires'}) do
    local first = redis.call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')[2]
    local time = first and tonumber(first)
    if time and key == 'leases' and now < grace and time > spared then time = math.max(time, grace) end
    if time and (not at or time < at) then at = time end
  end
  return at and math.max(0, at - now) or ''
end
`;
