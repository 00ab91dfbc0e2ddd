import { reserving } from "./budgets.ts";
import { gates, limits, ofPool, places } from "./gates.ts";
import { changing, readJob } from "./job.ts";
import { brief, together } from "./prologue.ts";
import { scriptOfMany } from "./script.ts";

/**
 * What is read once for jobs that have it in common, and noted once for all that are made: names of pools and tenants, and pools in which something can be claimed;
 * and what the last one has in common with the next one of its priority, pool and tenant, which stands right behind it. That
 * there is none of them yet, as nearly always, is asked for all at once; and whoever waits for any change is told of the last
 * one, since nobody can wait for a change of a job that is not there.
 */
const novelties = `
local fresh, shown = {}, {}
local is_limited = string.find(ARGV[1], '^%d')
local common, tenant, queue_ms, rank, pool, session, repo, budgets, notify, alike
local like, before, queue, demand, index
local last_made
local exists = {none = call('EXISTS', unpack(KEYS, 2)) == 0}
`;
const noting = `
settle()
if next(fresh) then
  local set = {'seq', string.format('%d', seq)}
  for field in pairs(fresh) do set[#set + 1] = field set[#set + 1] = '1' end
  call('HSET', M, unpack(set))
  for p, place in pairs(shown) do call('PUBLISH', P .. 'wake', p .. ' ' .. place) end
  call('PUBLISH', CHANGED .. last_made, '1')
end
`;

/**
 * Queues a job, or says which one its idempotency key or its id has made. A job that this very call made before (its
 * reply was lost) is \`made\` again.
 *
 * Of each call: id, terms (operation, most attempts, TTL in seconds, queue time, tenant), the request as JSON, idempotency
 * key (or empty), digest of its body; and, as JSON, what it most often has in common with others: tenant, queue time in
 * milliseconds, 10 - priority, pool, session (or empty), repository's key (or empty), budgets (see \`reserve\`; or empty),
 * whom to notify (or empty).
 * Answers: new, position, count of news; made|known, hash, changes, position; body|taken|removed; budget, name, spent,
 * reserved.
 */
export const submit = scriptOfMany("submit", {
  parts: [brief, together, ofPool, places, novelties],
  body: `
local id, agreed, request, name, body, facts = unpack(ARGV, taken + 1, taken + 6)
taken = taken + 6
if facts ~= common then
  common = facts
  tenant, queue_ms, rank, pool, session, repo, budgets, notify = unpack(cjson.decode(facts))
  alike = rank .. ' ' .. pool .. ' ' .. tenant
end
local key = name ~= '' and P .. 'idem:' .. tenant .. ':' .. name
local earlier
if key then
  local known = call('HMGET', key, 'job', 'body', 'gone')
  if known[1] and not (known[3] and tonumber(known[3]) <= now) then
    if known[2] ~= body then return {'body'} end
    earlier = known[1]
  end
end
if earlier or exists[KEY] or (not exists.none and call('EXISTS', KEY) == 1) then
  ${changing}
  local j
  ${readJob("(earlier or id)")}
  if not j then return {'removed'} end
  settle()
  local own = terms(j)
  if own.tenant ~= tenant then return {'taken'} end
  return {own.made == string.match(agreed, '^%S+') and 'made' or 'known', j.flat, j.set, position(j), seq}
end

local kept
if budgets ~= '' then
  ${reserving}
  local refused
  kept, refused = reserve(budgets, 0)
  if refused then return refused end
end
seq = seq + 1
local place, till = string.format('%d', seq), string.format('%d', now + queue_ms)
local score = string.format('%d', rank * 1e13 + seq)
local j = {id = id, status = 'queued', pool = pool, _score = score}
local set = {'status', 'queued', 'pool', pool, '_terms', agreed, '_score', score, '_expires', till, 'request', request}
local function also(field, value) set[#set + 1] = field set[#set + 1] = value end
if session ~= '' then
  j.session_id = session
  also('session_id', session)
  call('ZADD', P .. 'users:' .. session, place, id)
end
if kept then also('_budgets', kept) end
if notify ~= '' then also('_notify', notify) end
if repo ~= '' then
  j._repo = repo
  also('_repo', repo)
end
if key then
  also('_key', key)
  call('DEL', key)
  call('HSET', key, 'job', id, 'body', body)
end
call('HSET', KEY, unpack(set))
exists[KEY] = true
if like == alike then before = before + 1
else
  settle()
  like, before = alike, position(j)
  queue, demand, index = of_pool('queue', pool), of_pool('demand', pool), P .. 'index:tenant:' .. tenant
  fresh['pool:' .. pool], fresh['tenant:' .. tenant] = 1, 1
end
later('ZADD', index, place, id)
later('ZADD', demand, till, id)
if session == '' and (repo == '' or not is_limited) then
  later('ZADD', queue, score, id)
  shown[pool] = place
else
  settle()
  ${limits}${changing}${gates}
  gates().enter(j)
  if woken[pool] then shown[pool] = place end
end
last_made = id
return {'new', before, seq}
`,
  after: noting,
});
