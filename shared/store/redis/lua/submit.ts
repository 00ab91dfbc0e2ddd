import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * Queues a job, or says which one its idempotency key or its id has made. A job that this very call made before (its
 * reply was lost) is \`made\` again.
 *
 * KEYS: meta, job. ARGV: limits, operation, id, tenant, idempotency key (or empty), digest of its body, queue time in
 * milliseconds, 10 - priority, fields (a list of names and values).
 * Answers: made, hash (empty where it is made now), position, count of news; known, hash, position; body|taken|removed.
 */
export const submit = script(
  "submit",
  [writing, rules, jobs, gates],
  `
local op, id, tenant, name, body = arg(), arg(), arg(), some(), arg()
local queue_ms, rank, fields = tonumber(arg()), tonumber(arg()), list()
local key = name and P .. 'idem:' .. tenant .. ':' .. name
local earlier
if key then
  local known = redis.call('HMGET', key, 'job', 'body', 'gone')
  if known[1] and not (known[3] and tonumber(known[3]) <= now) then
    if known[2] ~= body then return {'body'} end
    earlier = known[1]
  end
end
local owner = redis.call('HGET', P .. 'job:' .. (earlier or id), '_tenant')
if owner and owner ~= tenant then return {'taken'} end
if owner then
  local j = load(earlier or id)
  return {j._made == op and 'made' or 'known', all(j), position(j), seq}
end
if earlier then return {'removed'} end

local j = {id = id, key = KEYS[2], out = {}, _tenant = tenant}
for i = 1, #fields, 2 do put(j, fields[i], fields[i + 1]) end
local place = count('pool:' .. j.pool, 1, 'tenant:' .. tenant, 1)
j.out._tenant = tenant
put(j, '_made', op)
put(j, '_seq', place)
put(j, '_score', string.format('%.0f', rank * 1e13 + place))
put(j, '_queued', now)
put(j, '_queue_ttl', queue_ms)
put(j, '_expires', now + queue_ms)
mark(j, 'queued')
redis.call('ZADD', of_pool('demand', j.pool), now, id)
redis.call('ZADD', P .. 'expires', now + queue_ms, id)
if j.session_id then redis.call('ZADD', P .. 'users:' .. j.session_id, place, id) end
if key then
  put(j, '_key', key)
  redis.call('DEL', key)
  redis.call('HSET', key, 'job', id, 'body', body)
end
enter(j, true)
append(j, 'job.queued', '{}')
flush(j)
wake(true)
return {'made', {}, position(j), seq}
`,
);
