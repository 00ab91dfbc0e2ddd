import { begun } from "./endings.ts";
import { gates, limits, ofPool, waking } from "./gates.ts";
import { changing, flushing, jobs, readJob } from "./job.ts";
import { noteDue, writing } from "./prologue.ts";
import { may } from "./rules.ts";
import { script } from "./script.ts";
import { nextTimes, upkeep } from "./upkeep.ts";

/** How many jobs whose queue time is over one claim ends on its way to one that is in time. */
const overdue = 200;

/** A job of a warm repository that may pass the best one, \`j\`; \`row\` is the ids and scores of the first eight. */
const passing = `
local is_warm = {}
for _, key in ipairs(warm) do is_warm[key] = true end
if not is_warm[j._repo] and now - queued_at(j) < 10000 then
  for i = 2, #row do
    if math.floor(row[i].score / 1e13) ~= math.floor(row[1].score / 1e13) then break end
    local key = call('HGET', P .. 'job:' .. row[i].id, '_repo')
    if key and is_warm[key] then
      local best = j
      ${readJob("row[i].id")}
      if j._started or tonumber(j._expires) > now then break end
      j = best
    end
  end
end
`;

/** Bounded upkeep: of what delays and leases end only where the time has come that was noted, of the rest once a second. */
const upkept = `
if not next_due or now >= next_due then
  local U = slow()
  U.release_due(100)
  U.reap(20)
  local delay, ended = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')[2], call('ZRANGE', P .. 'leases', 0, 0, 'WITHSCORES')[2]
  next_due = math.min(tonumber(delay or ${begun}), tonumber(ended or ${begun}))
  call('HSET', M, 'due', next_due)
end
local kept = tonumber(head[7] or 0)
if now - kept >= 1000 or now < kept then
  local U = slow()
  for _, p in ipairs(pools) do U.expire_overdue(p, 20) end
  U.remove_gone(2)
  call('HSET', M, 'kept', now)
end
`;

/** Sets \`j\` to the best job that may run, taken out of the queue, or to nil. */
const choosing = `
local open, seen = {}, {}
for _, p in ipairs(pools) do
  local most = pool_limit(p)
  if not seen[p] and not (most and tonumber(call('HGET', P .. 'use', 'pool:' .. p) or 0) >= most) then open[#open + 1] = p end
  seen[p] = true
end
for _ = 1, ${overdue} do
  local row = {}
  for _, p in ipairs(open) do
    local best = call('ZRANGE', of_pool('queue', p), 0, warm[1] and 7 or 0, 'WITHSCORES')
    for i = 1, #best, 2 do row[#row + 1] = {id = best[i], score = tonumber(best[i + 1]), pool = p} end
  end
  if not row[1] then break end
  if open[2] then table.sort(row, function(a, b) return a.score < b.score end) end
  for i = 9, #row do row[i] = nil end
  ${readJob("row[1].id")}
  if not j then call('ZREM', of_pool('queue', row[1].pool), row[1].id)
  elseif not j._started and tonumber(j._expires) <= now then
    slow().expire(j)
    j = nil
  else
    if warm[1] then ${passing} end
    if not ${may("claim")} then j = nil
    elseif j.session_id or (j._repo and LIMIT > 0) or pool_limit(j.pool) then
      if gates().occupy(j) then break end
      j = nil
    else
      call('ZREM', of_pool('queue', j.pool), j.id)
      break
    end
  end
end
`;

const answering = `
call('ZADD', P .. 'leases', now + lease_ms, j.id)
${noteDue("now + lease_ms")}
if lease_ms > longest then call('HSET', M, 'lease', lease_ms) end
return {'job', j.flat, j.set, j._messages and call('HVALS', P .. 'messages:' .. j.id) or {}, seq}
`;

/**
 * The best runnable job of the runner's pools, leased; before that, bounded upkeep.
 *
 * KEYS: meta. ARGV: limits, claim id, runner, its pod's name, length of the lease in milliseconds, pools (a list), keys of
 * warm repositories (a list).
 * Answers: job, hash, its changes, messages, count of news; none, count, milliseconds until time changes something.
 */
export const claim = script(
  "claim",
  [writing, ofPool, limits],
  `
local claim_id, runner, pod, lease_ms, count = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local pools, warm, j = {}, {}, nil
for i = 7, 6 + count do pools[#pools + 1] = ARGV[i] end
for i = 8 + count, #ARGV do warm[#warm + 1] = ARGV[i] end
local known = call('GET', P .. 'claim:' .. claim_id)
if known then
  local id, attempt = string.match(known, '^(%S+) (%S+)$')
  ${readJob("id")}
  if j and j.status == 'running' and j._runner == runner and j.attempt == attempt then ${answering} end
  ${nextTimes}
  return {'none', seq, until_next(pools)}
end
${changing}${gates}
local slower
local function slow()
  if slower then return slower end
  ${jobs}${upkeep}
  slower = upkeep()
  return slower
end
${upkept}
if lease_ms < longest and call('EXISTS', P .. 'leases') == 0 then longest = 0 end
${choosing}
${waking}
if not j then
  ${nextTimes}
  return {'none', seq, until_next(pools)}
end

if j._started and not j.started_at then put(j, 'started_at', j._started) end
put(j, 'status', 'running')
put(j, 'attempt', (j.attempt or 0) + 1)
put(j, 'pod_name', pod)
put(j, '_runner', runner)
put(j, '_started', now)
if j._asked then put(j, '_told', j._asked) end
if j.waiting then put(j, 'waiting', '') end
if j._told_events then put(j, '_told_events', '') end
call('SET', P .. 'claim:' .. claim_id, j.id .. ' ' .. j.attempt, 'PX', 2 * lease_ms)
append(j, 'job.claimed', '{"pod_name":' .. cjson.encode(pod) .. '}')
${flushing}
${answering}
`,
);
