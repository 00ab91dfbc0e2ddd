/** Names of keys with a pool in them: the default pool has the plain name. */
export const ofPool = `
local function of_pool(name, pool) if pool == 'default' then return P .. name end return P .. name .. ':' .. pool end
`;

/** A queued job's place among all of its pool; behind \`ofPool\`. */
export const places = `
local function position(j)
  if j.status ~= 'queued' then return '' end
  local before = '(' .. j._score
  return call('ZCOUNT', of_pool('queue', j.pool), '-inf', before) + call('ZCOUNT', of_pool('held', j.pool), '-inf', before) + 1
end
`;

/**
 * ARGV[1] is the limits, as \`2;big=1;small=3\`: of a repository (or none), then of pools, each with all of its parts
 * (\`big@box\`). Queues where something came are \`woken\`.
 */
export const limits = `
local LIMITS = ARGV[1]
local LIMIT = tonumber(string.match(LIMITS, '^%d+') or 0)
local woken = {}
local function pool_limit(pool)
  if LIMITS == '' then return end
  local _, last = string.find(LIMITS, ';' .. string.match(pool, '^[^@]*') .. '=', 1, true)
  return last and tonumber(string.match(LIMITS, '^%d+', last + 1))
end
`;

/** What runs is counted: with each session, and in pools and of repositories while they have a limit (then the job says so). */
const uses = `
  local function use(what, by)
    local n = call('HINCRBY', P .. 'use', what, by)
    if n <= 0 then call('HDEL', P .. 'use', what) end
    return n
  end
  local function in_use(what) return tonumber(call('HGET', P .. 'use', what) or 0) end
  local function show(id, score, p)
    call('ZADD', of_pool('queue', p), score, id)
    call('ZREM', of_pool('held', p), id)
    woken[p] = true
  end
  local function hold(id, score, p) call('ZADD', of_pool('held', p), score, id) end
`;

/** Whoever waits is told of pools in which something can be claimed now: \`pool count\`. */
export const waking = `
if next(woken) then
  local pools = {}
  for p in pairs(woken) do
    if call('EXISTS', of_pool('queue', p)) == 1 then pools[#pools + 1] = p end
  end
  if #pools > 0 then seq = call('HINCRBY', M, 'seq', 1) end
  for _, p in ipairs(pools) do call('PUBLISH', P .. 'wake', p .. ' ' .. seq) end
  woken = {}
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

/**
 * The gate of a repository: in each pool its best jobs stand in the queue (they are \`heads\`), as many as may start now;
 * the others are parked. A better job takes the place of the worst head, and a place that is freed goes to the best one
 * that is parked: so a claim never looks at a job that may not run, however many there are.
 */
const repositories = `
  local function park(id, score, r, p)
    call('ZREM', heads(r, p), id)
    call('ZREM', of_pool('queue', p), id)
    call('ZADD', parked(r, p), score, id)
    hold(id, score, p)
  end
  local function balance(r, p)
    local room = 1e9
    if LIMIT > 0 then room = LIMIT - in_use('repo:' .. r) - call('ZCARD', heads(r, p)) end
    while room < 0 do
      local worst = call('ZRANGE', heads(r, p), -1, -1, 'WITHSCORES')
      if not worst[1] then break end
      park(worst[1], worst[2], r, p)
      room = room + 1
    end
    while room > 0 do
      local best = call('ZPOPMIN', parked(r, p))
      if not best[1] then break end
      call('ZADD', heads(r, p), best[2], best[1])
      show(best[1], best[2], p)
      room = room - 1
    end
    if call('EXISTS', heads(r, p), parked(r, p)) == 0 then call('SREM', P .. 'gates:repo:' .. r, p) end
  end
  local function balance_all(r)
    for _, p in ipairs(call('SMEMBERS', P .. 'gates:repo:' .. r)) do balance(r, p) end
  end
  local function offer(id, score, r, p)
    if r == '-' or LIMIT == 0 then return show(id, score, p) end
    call('SADD', P .. 'gates:repo:' .. r, p)
    if LIMIT - in_use('repo:' .. r) <= call('ZCARD', heads(r, p)) then
      local worst = call('ZRANGE', heads(r, p), -1, -1, 'WITHSCORES')
      if not worst[1] or tonumber(worst[2]) < tonumber(score) then
        call('ZADD', parked(r, p), score, id)
        return hold(id, score, p)
      end
      park(worst[1], worst[2], r, p)
    end
    call('ZADD', heads(r, p), score, id)
    show(id, score, p)
  end
  local function withdraw(id, r, p)
    local shown = call('ZREM', of_pool('queue', p), id) == 1
    if r ~= '-' then
      call('ZREM', shown and heads(r, p) or parked(r, p), id)
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
    for _, group in ipairs(call('SMEMBERS', P .. 'gates:session:' .. s)) do
      local r, p = string.match(group, '^(%S+) (%S+)$')
      local best = call('ZRANGE', waits(s, r, p), 0, 0, 'WITHSCORES')
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
    call('ZREM', key, j.id)
    if call('EXISTS', key) == 0 then call('SREM', P .. 'gates:session:' .. s, repo(j) .. ' ' .. j.pool) end
    return key
  end
`;

const passages = `
  local G = {hold = hold}
  function G.enter(j)
    local s, r, p = j.session_id, repo(j), j.pool
    if s then
      local key = waits(s, r, p)
      call('ZADD', key, j._score, j.id)
      call('SADD', P .. 'gates:session:' .. s, r .. ' ' .. p)
      hold(j.id, j._score, p)
      if in_use('session:' .. s) > 0 then return end
      local first = call('ZRANGE', key, 0, 1, 'WITHSCORES')
      if first[1] ~= j.id then return end
      if first[3] and withdraw(first[3], r, p) then hold(first[3], first[4], p) end
    end
    offer(j.id, j._score, r, p)
  end
  function G.leave(j)
    local s, r, p = j.session_id, repo(j), j.pool
    local first = s and call('ZRANGE', waits(s, r, p), 0, 0)[1]
    if not withdraw(j.id, r, p) then call('ZREM', of_pool('held', p), j.id) end
    if not s then return end
    local key = unwait(j, s)
    if first ~= j.id or in_use('session:' .. s) > 0 then return end
    local best = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if best[1] then offer(best[1], best[2], r, p) end
  end
  function G.occupy(j)
    local s, r, p = j.session_id, repo(j), j.pool
    if LIMIT > 0 and r ~= '-' and in_use('repo:' .. r) >= LIMIT then
      call('SADD', P .. 'gates:repo:' .. r, p)
      park(j.id, j._score, r, p)
      return false
    end
    call('ZREM', of_pool('queue', p), j.id)
    if pool_limit(p) then
      use('pool:' .. string.match(p, '^[^@]*'), 1)
      put(j, '_in_pool', 1)
    end
    if r ~= '-' then call('ZREM', heads(r, p), j.id) end
    if r ~= '-' and LIMIT > 0 then
      use('repo:' .. r, 1)
      put(j, '_in_repo', 1)
    end
    if s then
      unwait(j, s)
      occupy_session(s)
    end
    if r ~= '-' and LIMIT > 0 then balance_all(r) end
    return true
  end
  function G.vacate(j)
    local s, r = j.session_id, repo(j)
    if j._in_pool then
      use('pool:' .. string.match(j.pool, '^[^@]*'), -1)
      put(j, '_in_pool', '')
    end
    if j._in_repo then
      use('repo:' .. r, -1)
      put(j, '_in_repo', '')
    end
    if r ~= '-' then balance_all(r) end
    if s then vacate_session(s) end
  end
  function G.adopt(j, session)
    local before = j.session_id
    if before then
      call('ZREM', P .. 'users:' .. before, j.id)
      vacate_session(before)
    end
    put(j, 'session_id', session)
    call('ZADD', P .. 'users:' .. session, j._score % 1e13, j.id)
    occupy_session(session)
  end
`;

/**
 * Which queued jobs may be claimed. Making a function costs as much as a command, so \`gates()\` is only made where a
 * session or a repository has to be looked at. Behind \`ofPool\` and \`limits\`.
 */
export const gates = `
local made
local function gates()
  if made then return made end
${uses}${names}${repositories}${sessions}${passages}
  made = G
  return G
end
`;
