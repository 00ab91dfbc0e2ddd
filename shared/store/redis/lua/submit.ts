import { gates, limits, ofPool, places } from "./gates.ts";
import { changing, readJob } from "./job.ts";
import { brief } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Queues a job, or says which one its idempotency key or its id has made. A job that this very call made before (its
 * reply was lost) is \`made\` again.
 *
 * KEYS: meta, job. ARGV: limits, id, tenant, idempotency key (or empty), digest of its body, queue time in milliseconds,
 * 10 - priority, pool, session (or empty), repository's key (or empty), terms (operation, most attempts, TTL in seconds,
 * queue time, tenant), the request as JSON.
 * Answers: made, hash (empty where it is made now), its changes, position, count of news; known, hash, changes, position;
 * body|taken|removed.
 */
export const submit = script(
  "submit",
  [brief, ofPool, places],
  `
local _, id, tenant, name, body, queue_ms, rank, pool, session, repo, agreed, request = unpack(ARGV)
local key = name ~= '' and P .. 'idem:' .. tenant .. ':' .. name
local earlier
if key then
  local known = call('HMGET', key, 'job', 'body', 'gone')
  if known[1] and not (known[3] and tonumber(known[3]) <= now) then
    if known[2] ~= body then return {'body'} end
    earlier = known[1]
  end
end
if earlier or call('EXISTS', KEYS[2]) == 1 then
  ${changing}
  local j
  ${readJob("(earlier or id)")}
  if not j then return {'removed'} end
  local own = terms(j)
  if own.tenant ~= tenant then return {'taken'} end
  return {own.made == string.match(agreed, '^%S+') and 'made' or 'known', j.flat, j.set, position(j), seq}
end

local place = seq + 1
local score = string.format('%.0f', rank * 1e13 + place)
local j = {id = id, status = 'queued', pool = pool, _score = score}
local set = {'status', 'queued', 'pool', pool, '_terms', agreed, '_score', score, '_expires', now + queue_ms, 'request', request}
local function also(field, value) set[#set + 1] = field set[#set + 1] = value end
if session ~= '' then
  j.session_id = session
  also('session_id', session)
  call('ZADD', P .. 'users:' .. session, place, id)
end
if repo ~= '' then
  j._repo = repo
  also('_repo', repo)
end
if key then
  also('_key', key)
  call('DEL', key)
  call('HSET', key, 'job', id, 'body', body)
end
call('HSET', KEYS[2], unpack(set))
call('HSET', M, 'seq', place, 'pool:' .. pool, 1, 'tenant:' .. tenant, 1)
call('ZADD', P .. 'index:tenant:' .. tenant, place, id)
call('ZADD', of_pool('demand', pool), now + queue_ms, id)
local shown = true
if session == '' and (repo == '' or not string.find(ARGV[1], '^%d')) then call('ZADD', of_pool('queue', pool), score, id)
else
  ${limits}${changing}${gates}
  gates().enter(j)
  shown = woken[pool]
end
if shown then call('PUBLISH', P .. 'wake', pool .. ' ' .. place) end
call('PUBLISH', P .. 'changed:' .. id, 1)
return {'made', {}, {}, position(j), place}
`,
);
