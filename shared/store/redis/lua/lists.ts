import { begun } from "./endings.ts";
import { ofPool } from "./gates.ts";
import { reader, reading, readingNow } from "./prologue.ts";
import { script } from "./script.ts";
import { known } from "./upkeep.ts";

/** How much one answer may hold: far under the 10 MB of Upstash's smallest plan. */
const answerBytes = 4 * 1024 * 1024;

/**
 * Jobs before a number, newest first, in one bounded step. Those that run, and those that have ended in another way than
 * well, are looked for among their like; all others among all jobs of a tenant.
 *
 * KEYS: meta. ARGV: tenant (or empty), status (or empty), texts that must be in the request (two, or empty), number before
 * which to look (or empty), how many to find, how many to look at, names of fields (a list).
 * Answers: rows, count of all jobs ever, number up to which was looked (0: to the end), then for each job its number and
 * its values.
 */
export const list = script(
  "list",
  [reading, reader, known],
  `
local tenant, status, url, profile, before = some(), some(), some(), some(), some()
local wanted, look, fields = tonumber(arg()), tonumber(arg()), list()
local owners = tenant and {tenant} or known('tenant')
local found, more = {}, false
local function range(key)
  local ids = call('ZREVRANGEBYSCORE', key, before and '(' .. before or '+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, look)
  for i = 1, #ids, 2 do found[#found + 1] = {id = ids[i], n = tonumber(ids[i + 1])} end
  more = more or #ids >= 2 * look
end
if status == 'running' then
  for _, id in ipairs(call('ZRANGE', LEASES, 0, -1)) do
    for _, owner in ipairs(owners) do
      local n = tonumber(call('ZSCORE', P .. 'index:tenant:' .. owner, id) or 0)
      if n > 0 and (not before or n < tonumber(before)) then found[#found + 1] = {id = id, n = n} end
    end
  end
elseif status and status ~= 'queued' and status ~= 'succeeded' then range(P .. 'index:status:' .. status)
else
  for _, owner in ipairs(owners) do range(P .. 'index:tenant:' .. owner) end
end
table.sort(found, function(a, b) return a.n > b.n end)
local rows, bytes, seen = {}, 0, 0
while seen < math.min(look, #found) and #rows < wanted and bytes <= ${answerBytes} do
  seen = seen + 1
  local key = P .. 'job:' .. found[seen].id
  local now, agreed, request = unpack(call('HMGET', key, 'status', '_terms', (url or profile) and 'request' or 'status'))
  local fits = now and (not status or now == status)
    and (not tenant or string.match(agreed, '^%S+ %d+ %d+ %d+ (.*)$') == tenant)
    and (not url or string.find(request, url, 1, true)) and (not profile or string.find(request, profile, 1, true))
  if fits then
    local values = call('HMGET', key, unpack(fields))
    for _, value in ipairs(values) do if value then bytes = bytes + #value end end
    rows[#rows + 1] = {found[seen].n, values}
  end
end
local till = (more or seen < #found) and found[seen].n or 0
return {'rows', seq, till, rows}
`,
);

/**
 * Jobs by status, and by pool what waits and since when: of those that were never started the one whose queue time ends
 * first (the oldest, while all have the same queue time), or one that began to wait again before. Jobs that run may stand
 * before it, but no more than run in all.
 *
 * KEYS: meta. Answers: counts, statuses (names and counts), pools (each: name, queued, milliseconds of the oldest).
 */
export const counts = script(
  "counts",
  [readingNow, ofPool, known],
  `
local waiting, running, pools = 0, call('ZCARD', LEASES), {}
for _, pool in ipairs(known('pool')) do
  local n = call('ZCARD', of_pool('queue', pool)) + call('ZCARD', of_pool('held', pool))
  waiting = waiting + n
  if n > 0 then
    local since = now
    for _, from in ipairs({'-inf', '${begun}'}) do
      for _, id in ipairs(call('ZRANGEBYSCORE', of_pool('demand', pool), from, '+inf', 'LIMIT', 0, running + 1)) do
        local status, queued, expires, agreed = unpack(call('HMGET', P .. 'job:' .. id, 'status', '_queued', '_expires', '_terms'))
        if status == 'queued' then
          since = math.min(since, tonumber(queued or expires - string.match(agreed, '^%S+ %d+ %d+ (%d+)')))
          break
        end
      end
    end
    pools[#pools + 1] = {pool, n, now - since}
  end
end
local statuses, ended = {'queued', waiting, 'running', running}, call('ZCARD', GONE)
for _, name in ipairs({'failed', 'cancelled', 'expired'}) do
  local n = call('ZCARD', P .. 'index:status:' .. name)
  ended = ended - n
  statuses[#statuses + 1] = name
  statuses[#statuses + 1] = n
end
statuses[#statuses + 1] = 'succeeded'
statuses[#statuses + 1] = ended
return {'counts', statuses, pools}
`,
);
