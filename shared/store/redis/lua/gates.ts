/** Names of keys with a pool in them (the default pool has the plain name), and a queued job's place among all of its pool. */
export const places = `
local function of_pool(name, pool) if pool == 'default' then return P .. name end return P .. name .. ':' .. pool end
local function position(j)
  if j.status ~= 'queued' then return '' end
  local before = '(' .. j._score
  return redis.call('ZCOUNT', of_pool('queue', j.pool), '-inf', before)
    + redis.call('ZCOUNT', of_pool('held', j.pool), '-inf', before) + 1
end
`;

const names = `
local function repo(j)
  if not j._repo then return '-' end
  j.repo = j.repo or redis.sha1hex(j._repo)
  return j.repo
end
local function heads(r, p) return P .. 'heads:' .. r .. ':' .. p end
local function parked(r, p) return P .. 'parked:repo:' .. r .. ':' .. p end
local function waits(s, r, p) return P .. 'parked:session:' .. s .. ':' .. r .. ':' .. p end
`;

/** ARGV's next: the limits, as \`2;big=1;small=3\`: of a repository (or none), then of pools. */
const limits = `
local LIMITS = arg()
local LIMIT = tonumber(string.match(LIMITS, '^%d+')) or 0
local function pool_limit(pool)
  local _, last = string.find(LIMITS, ';' .. pool .. '=', 1, true)
  return last and tonumber(string.match(LIMITS, '^%d+', last + 1))
end
local function in_use(what) return num(redis.call('HGET', P .. 'use', what)) end
local function use(what, by)
  local n = redis.call('HINCRBY', P .. 'use', what, by)
  if n <= 0 then redis.call('HDEL', P .. 'use', what) end
  return n
end
`;

/** Whoever waits is told of pools in which something can be claimed now: \`pool count\`, or \`pool count milliseconds\` until then. */
const wakes = `
local woken = {}
local function show(id, score, p, fresh)
  redis.call('ZADD', of_pool('queue', p), score, id)
  if not fresh then redis.call('ZREM', of_pool('held', p), id) end
  woken[p] = true
end
local function hold(id, score, p) redis.call('ZADD', of_pool('held', p), score, id) end
local function wake(counted)
  local pools = {}
  for p in pairs(woken) do
    if counted or redis.call('EXISTS', of_pool('queue', p)) == 1 then pools[#pools + 1] = p end
  end
  if #pools > 0 and not counted then count() end
  for _, p in ipairs(pools) do redis.call('PUBLISH', P .. 'wake', p .. ' ' .. seq) end
end
`;

/**
 * The gate of a repository: in each pool its best jobs stand in the queue (they are \`heads\`), as many as may start now;
 * the others are parked. A better job takes the place of the worst head, and a place that is freed goes to the best one
 * that is parked: so a claim never looks at a job that may not run, however many there are.
 */
const repositories = `
local function park(id, score, r, p)
  redis.call('ZREM', heads(r, p), id)
  redis.call('ZREM', of_pool('queue', p), id)
  redis.call('ZADD', parked(r, p), score, id)
  hold(id, score, p)
end
local function balance(r, p)
  local room = 100
  if LIMIT > 0 then room = LIMIT - in_use('repo:' .. r) - redis.call('ZCARD', heads(r, p)) end
  while room < 0 do
    local worst = redis.call('ZRANGE', heads(r, p), -1, -1, 'WITHSCORES')
    if not worst[1] then break end
    park(worst[1], worst[2], r, p)
    room = room + 1
  end
  while room > 0 do
    local best = redis.call('ZPOPMIN', parked(r, p))
    if not best[1] then break end
    redis.call('ZADD', heads(r, p), best[2], best[1])
    show(best[1], best[2], p)
    room = room - 1
  end
  if redis.call('EXISTS', heads(r, p), parked(r, p)) == 0 then redis.call('SREM', P .. 'gates:repo:' .. r, p) end
end
local function balance_all(r)
  for _, p in ipairs(redis.call('SMEMBERS', P .. 'gates:repo:' .. r)) do balance(r, p) end
end
local function offer(id, score, r, p, fresh)
  if r == '-' or LIMIT == 0 then return show(id, score, p, fresh) end
  redis.call('SADD', P .. 'gates:repo:' .. r, p)
  if LIMIT - in_use('repo:' .. r) <= redis.call('ZCARD', heads(r, p)) then
    local worst = redis.call('ZRANGE', heads(r, p), -1, -1, 'WITHSCORES')
    if not worst[1] or tonumber(worst[2]) < tonumber(score) then
      redis.call('ZADD', parked(r, p), score, id)
      if fresh then hold(id, score, p) end
      return
    end
    park(worst[1], worst[2], r, p)
  end
  redis.call('ZADD', heads(r, p), score, id)
  show(id, score, p, fresh)
end
local function withdraw(id, r, p)
  local shown = redis.call('ZREM', of_pool('queue', p), id) == 1
  if r ~= '-' then
    redis.call('ZREM', shown and heads(r, p) or parked(r, p), id)
    balance(r, p)
  end
  return shown
end
`;

/**
 * The gate of a session, before that of its repository: while a job runs with the session, none that waits for it may
 * start; else the best of each repository and pool may.
 */
const sessions = `
local function each_wait(s, act)
  for _, group in ipairs(redis.call('SMEMBERS', P .. 'gates:session:' .. s)) do
    local r, p = string.match(group, '^(%S+) (%S+)$')
    local best = redis.call('ZRANGE', waits(s, r, p), 0, 0, 'WITHSCORES')
    if best[1] then act(best[1], best[2], r, p) end
  end
end
local function occupy_session(s)
  if use('session:' .. s, 1) > 1 then return end
  each_wait(s, function(id, score, r, p) if withdraw(id, r, p) then hold(id, score, p) end end)
end
local function vacate_session(s)
  if use('session:' .. s, -1) <= 0 then each_wait(s, offer) end
end
local function unwait(j, s)
  local key = waits(s, repo(j), j.pool)
  redis.call('ZREM', key, j.id)
  if redis.call('EXISTS', key) == 0 then redis.call('SREM', P .. 'gates:session:' .. s, repo(j) .. ' ' .. j.pool) end
  return key
end
`;

/** What happens to a job at the gates. A \`fresh\` job is one that is not \`held\` yet. */
const passages = `
local function enter(j, fresh)
  local s, r, p = j.session_id, repo(j), j.pool
  if s then
    local key = waits(s, r, p)
    redis.call('ZADD', key, j._score, j.id)
    redis.call('SADD', P .. 'gates:session:' .. s, r .. ' ' .. p)
    if fresh then hold(j.id, j._score, p) end
    fresh = false
    if in_use('session:' .. s) > 0 then return end
    local first = redis.call('ZRANGE', key, 0, 1, 'WITHSCORES')
    if first[1] ~= j.id then return end
    if first[3] and withdraw(first[3], r, p) then hold(first[3], first[4], p) end
  end
  offer(j.id, j._score, r, p, fresh)
end
local function leave(j)
  local s, r, p = j.session_id, repo(j), j.pool
  if redis.call('ZREM', P .. 'delayed', j.id) == 1 then return redis.call('ZREM', of_pool('held', p), j.id) end
  local first = s and redis.call('ZRANGE', waits(s, r, p), 0, 0)[1]
  if not withdraw(j.id, r, p) then redis.call('ZREM', of_pool('held', p), j.id) end
  if not s then return end
  local key = unwait(j, s)
  if first ~= j.id or in_use('session:' .. s) > 0 then return end
  local next = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if next[1] then offer(next[1], next[2], r, p) end
end
local function occupy(j)
  local s, r, p = j.session_id, repo(j), j.pool
  local n = r ~= '-' and use('repo:' .. r, 1) or 0
  if LIMIT > 0 and n > LIMIT then
    use('repo:' .. r, -1)
    redis.call('SADD', P .. 'gates:repo:' .. r, p)
    park(j.id, j._score, r, p)
    return false
  end
  redis.call('ZREM', of_pool('queue', p), j.id)
  if r ~= '-' then redis.call('ZREM', heads(r, p), j.id) end
  use('pool:' .. p, 1)
  if s then
    unwait(j, s)
    occupy_session(s)
  end
  if r ~= '-' and LIMIT > 0 then balance_all(r) end
  return true
end
local function vacate(j)
  local s, r, p = j.session_id, repo(j), j.pool
  use('pool:' .. p, -1)
  if pool_limit(p) and redis.call('EXISTS', of_pool('queue', p)) == 1 then woken[p] = true end
  if r ~= '-' then
    use('repo:' .. r, -1)
    balance_all(r)
  end
  if s then vacate_session(s) end
end
local function adopt(j, session)
  local before = j.session_id
  if before == session then return end
  if before then
    redis.call('ZREM', P .. 'users:' .. before, j.id)
    vacate_session(before)
  end
  put(j, 'session_id', session)
  redis.call('ZADD', P .. 'users:' .. session, j._score % 1e13, j.id)
  occupy_session(session)
end
`;

/** Which queued jobs may be claimed; behind \`writing\` and \`jobs\`. Takes the next of ARGV. */
export const gates = `${places}${names}${limits}${wakes}${repositories}${sessions}${passages}`;
