import { begun } from "./endings.ts";
import { gates, limits, ofPool, waking } from "./gates.ts";
import { changing, flushing, jobs, readJob } from "./job.ts";
import { noteDue, together, writing } from "./prologue.ts";
import { may } from "./rules.ts";
import { scriptOfMany } from "./script.ts";
import { nextTimes, upkeep } from "./upkeep.ts";

/** How long at least it is known what a claim got, for a runner that has not heard of it. */
const claimsMs = 15 * 60_000;

/** How many jobs whose queue time is over one claim ends on its way to one that is in time. */
const overdue = 200;

/**
 * As `readJob`. A job to which nothing has happened since its submission, as most that are claimed, is read in part and
 * answered in part: what a claim makes of it is known.
 */
const readFirst = (id: string) => `
do
  local key = P .. 'job:' .. ${id}
  local h = call('HMGET', key, 'status', '_events', '_rev', 'pool', '_score', '_expires', '_terms', 'request', '_repo',
    'session_id', '_key', '_notify')
  if h[1] and not h[2] and not h[3] then
    j = {id = ${id}, key = key, set = {}, n = 0, status = h[1], pool = h[4], _score = h[5], _expires = h[6], _terms = h[7],
      request = h[8], _repo = h[9], session_id = h[10], _key = h[11], _notify = h[12]}
  else
    ${readJob(id)}
  end
end
`;

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
if now - kept >= 1000 or now < kept then
  local U = slow()
  for _, p in ipairs(pools) do U.expire_overdue(p, 20) end
  U.remove_gone(2)
  kept = now
  call('HSET', M, 'kept', now)
end
`;

/** What only a claim needs that finds something overdue. */
const keeping = `
local kept = tonumber(head[7] or 0)
local slower
local function slow()
  look_anew()
  if slower then return slower end
  ${jobs}${upkeep}
  slower = upkeep()
  return slower
end
`;

/**
 * What all calls of one command look up and note at once: what earlier tries of them were given, which is kept by the
 * quarter of an hour, and the front of a queue, as long as they alone take from it. Whoever lets others change queues
 * says so by \`look_anew()\`.
 */
const looking = `
local quarter = math.floor(now / ${claimsMs})
local claims, noted, given, ids = P .. 'claims:' .. whole(quarter), {}, {}, {}
for n = 1, tonumber(ARGV[2]) do ids[n] = ARGV[2 * n + 1] end
for _, key in ipairs({P .. 'claims:' .. whole(quarter - 1), claims}) do
  for n, value in ipairs(call('HMGET', key, unpack(ids))) do if value then given[ids[n]] = value end end
end
local function note_given(id, value)
  noted[#noted + 1] = id
  noted[#noted + 1] = value
  given[id] = value
end
local function keep_given()
  if not noted[1] then return end
  call('HSET', claims, unpack(noted))
  call('PEXPIRE', claims, ${2 * claimsMs})
end
local common, runner, pod, lease_ms, pools, warm
local function read_facts(facts)
  local all, known = {}, {}
  common, runner, pod, lease_ms, all, warm = facts, unpack(cjson.decode(facts))
  pools = {}
  for _, p in ipairs(all) do
    if not known[p] then pools[#pools + 1] = p end
    known[p] = true
  end
end
local fronts, ahead = {}, tonumber(ARGV[2])
local function look_anew()
  settle()
  fronts, ahead = {}, 1
end
local function next_of(queue)
  local front = fronts[queue]
  if not front or (front.at >= #front and #front == front.asked) then
    settle()
    front = call('ZRANGE', queue, '0', whole(ahead - 1))
    front.at, front.asked, fronts[queue] = 0, ahead, front
  end
  front.at = front.at + 1
  return front[front.at]
end
`;

/** Sets \`j\` to the best job that may run, taken out of the queue, or to nil. */
const choosing = `
local open = pools
if LIMITS ~= '' then
  open = {}
  for _, p in ipairs(pools) do
    local most = pool_limit(p)
    if not (most and tonumber(call('HGET', P .. 'use', 'pool:' .. string.match(p, '^[^@]*')) or 0) >= most) then open[#open + 1] = p end
  end
end
for _ = 1, ${overdue} do
  local row = {}
  if not open[2] and not warm[1] and open[1] then
    local best = next_of(of_pool('queue', open[1]))
    if best then row[1] = {id = best, pool = open[1]} end
  else
    look_anew()
    for _, p in ipairs(open) do
      local best = call('ZRANGE', of_pool('queue', p), 0, warm[1] and 7 or 0, 'WITHSCORES')
      for i = 1, #best, 2 do row[#row + 1] = {id = best[i], score = tonumber(best[i + 1]), pool = p} end
    end
  end
  if not row[1] then break end
  if open[2] then table.sort(row, function(a, b) return a.score < b.score end) end
  for i = 9, #row do row[i] = nil end
  ${readFirst("row[1].id")}
  if not j then later('ZREM', of_pool('queue', row[1].pool), row[1].id)
  elseif not j._started and tonumber(j._expires) <= now then
    slow().expire(j)
    j = nil
  else
    if warm[1] then ${passing} end
    if not ${may("claim")} then j = nil
    elseif j.session_id or (j._repo and LIMIT > 0) or pool_limit(j.pool) then
      look_anew()
      if gates().occupy(j) then break end
      j = nil
    else
      later('ZREM', of_pool('queue', j.pool), j.id)
      break
    end
  end
end
`;

const answering = `
later('ZADD', LEASES, whole(now + lease_ms), j.id)
${noteDue("now + lease_ms")}
if lease_ms > longest then
  longest = lease_ms
  call('HSET', M, 'lease', lease_ms)
end
if not j.flat then return {'first', j.id, j.request, j._terms, now, seq} end
return {'job', j.flat, j.set, j._messages and call('HVALS', P .. 'messages:' .. j.id) or {}, seq}
`;

/**
 * The best runnable job of the runner's pools, leased; before that, bounded upkeep.
 *
 * Of each call: claim id; facts: runner, its pod's name, length of the lease in milliseconds, pools, keys of warm repositories.
 * Answers: first, id, request, terms, time, count of news, for a job to which nothing had happened; job, hash, its changes,
 * messages, count of news, for another; none, count, milliseconds until time changes something.
 */
export const claim = scriptOfMany("claim", {
  parts: [writing, ofPool, limits, nextTimes, changing, gates, together, looking, keeping],
  body: `
local claim_id, facts, j = arg(), arg(), nil
if facts ~= common then read_facts(facts) end
local known = given[claim_id]
if known then
  local id, attempt = string.match(known, '^(%S+) (%S+)$')
  ${readJob("id")}
  if j and j.status == 'running' and j._runner == runner and j.attempt == attempt then ${answering} end
  settle()
  return {'none', seq, until_next(pools)}
end
${upkept}
if lease_ms < longest then
  settle()
  if call('EXISTS', P .. 'leases') == 0 then longest = 0 end
end
${choosing}
if next(woken) then
  settle()
  ${waking}
end
if not j then
  settle()
  return {'none', seq, until_next(pools)}
end

note_given(claim_id, j.id .. ' ' .. whole((j.attempt or 0) + 1))
local facts = '{"pod_name":' .. cjson.encode(pod) .. '}'
if not j.flat and j.n == 0 then
  call('HSET', j.key, 'status', 'running', 'attempt', '1', 'pod_name', pod, '_runner', runner, '_started', now_text,
    '_tail', '2 ' .. now_text .. ' 1 job.claimed ' .. facts .. '\\n', '_events', '2', '_bytes', whole(2 + #facts))
  call('PUBLISH', CHANGED .. j.id, '2')
  ${answering}
end
if j._started and not j.started_at then put(j, 'started_at', j._started) end
put(j, 'status', 'running')
put(j, 'attempt', whole((j.attempt or 0) + 1))
put(j, 'pod_name', pod)
put(j, '_runner', runner)
put(j, '_started', now_text)
if j._asked then put(j, '_told', j._asked) end
if j.waiting then put(j, 'waiting', '') end
if j._told_events then put(j, '_told_events', '') end
append(j, 'job.claimed', facts)
${flushing}
${answering}
`,
  after: "settle() keep_given()",
});
