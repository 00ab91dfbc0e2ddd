import { gates, limits, ofPool, places } from "./gates.ts";
import { readJob } from "./job.ts";
import { writing } from "./prologue.ts";
import { statuses } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Queues a job, or says which one its idempotency key or its id has made. A job that this very call made before (its
 * reply was lost) is \`made\` again.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, tenant, idempotency key (or empty), digest of its body, queue time in
 * milliseconds, 10 - priority, pool, session (or empty), repository's key (or empty), most attempts, TTL in seconds, the request as JSON.
 * Answers: made, hash (empty where it is made now), its changes, position, count of news; known, hash, changes, position;
 * body|taken|removed.
 */
export const submit = script(
  "submit",
  [writing, statuses, ofPool, places],
  `
local _, op, id, tenant, name, body, queue_ms, rank, pool, session, repo, attempts, ttl, request =
  unpack(ARGV)
local key = name ~= '' and P .. 'idem:' .. tenant .. ':' .. name
local earlier
if key then
  local known = call('HMGET', key, 'job', 'body', 'gone')
  if known[1] and not (known[3] and tonumber(known[3]) <= now) then
    if known[2] ~= body then return {'body'} end
    earlier = known[1]
  end
end
local owner = call('HGET', earlier and P .. 'job:' .. earlier or KEYS[2], '_tenant')
if owner and owner ~= tenant then return {'taken'} end
if owner then
  local j
  ${readJob("(earlier or id)")}
  return {j._made == op and 'made' or 'known', j.flat, j.set, position(j), seq}
end
if earlier then return {'removed'} end

local place = seq + 1
call('HSET', M, 'seq', place, 'pool:' .. pool, 1, 'tenant:' .. tenant, 1)
local score = string.format('%.0f', rank * 1e13 + place)
local j = {id = id, status = 'queued', pool = pool, _score = score}
call('HSET', KEYS[2], 'status', 'queued', '_tenant', tenant, '_made', op, '_seq', place, '_score', score, '_born', now,
  '_queued', now, '_queue_ttl', queue_ms, '_expires', now + queue_ms, 'pool', pool, 'max_attempts', attempts, 'ttl_seconds', ttl,
  'request', request)
call('ZADD', P .. 'index:' .. tenant, STATUS.queued * 1e12 + place, id)
call('ZADD', of_pool('demand', pool), now + queue_ms, id)
if session ~= '' then
  j.session_id = session
  call('ZADD', P .. 'users:' .. session, place, id)
  call('HSET', KEYS[2], 'session_id', session)
end
if repo ~= '' then
  j._repo = repo
  call('HSET', KEYS[2], '_repo', repo)
end
if key then
  call('HSET', KEYS[2], '_key', key)
  call('DEL', key)
  call('HSET', key, 'job', id, 'body', body)
end
local shown = true
if session == '' and (repo == '' or not string.find(ARGV[1], '^%d')) then call('ZADD', of_pool('queue', pool), score, id)
else
  ${limits}${gates}
  gates().enter(j)
  shown = woken[pool]
end
if shown then call('PUBLISH', P .. 'wake', pool .. ' ' .. place) end
call('PUBLISH', P .. 'changed:' .. id, 1)
return {'made', {}, {}, position(j), place}
`,
);
