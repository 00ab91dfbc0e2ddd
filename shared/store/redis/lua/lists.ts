import { JobStatus } from "../../../job.ts";
import { begun } from "./endings.ts";
import { ofPool } from "./gates.ts";
import { reader, reading, readingNow } from "./prologue.ts";
import { statuses } from "./rules.ts";
import { script } from "./script.ts";
import { known } from "./upkeep.ts";

/** How much one answer may hold: far under the 10 MB of Upstash's smallest plan. */
const answerBytes = 4 * 1024 * 1024;

/**
 * Jobs before a number, newest first, in one bounded step.
 *
 * KEYS: meta. ARGV: tenant (or empty), status (or empty), texts that must be in the request (two, or empty), number before
 * which to look (or empty), how many to find, how many to look at, names of fields (a list).
 * Answers: rows, count of all jobs ever, number up to which was looked (0: to the end), then for each job its number and
 * its values.
 */
export const list = script(
  "list",
  [reading, reader, statuses, known],
  `
local tenant, status, url, profile, before = some(), some(), some(), some(), some()
local wanted, look, fields = tonumber(arg()), tonumber(arg()), list()
local found, more = {}, false
local function range(key, base)
  local till = string.format('(%.0f', base + (before and tonumber(before) or 1e12))
  local ids = call('ZREVRANGEBYSCORE', key, till, string.format('%.0f', base), 'WITHSCORES', 'LIMIT', 0, look)
  for i = 1, #ids, 2 do found[#found + 1] = {id = ids[i], n = tonumber(ids[i + 1]) - base} end
  more = more or #ids >= 2 * look
end
for _, owner in ipairs(tenant and {tenant} or known('tenant')) do
  for name, code in pairs(STATUS) do
    if not status or status == name then range(P .. 'index:' .. owner, code * 1e12) end
  end
end
table.sort(found, function(a, b) return a.n > b.n end)
local rows, bytes, seen = {}, 0, 0
while seen < math.min(look, #found) and #rows < wanted and bytes <= ${answerBytes} do
  seen = seen + 1
  local key = P .. 'job:' .. found[seen].id
  local fits = true
  if url or profile then
    local request = call('HGET', key, 'request') or ''
    fits = (not url or string.find(request, url, 1, true)) and (not profile or string.find(request, profile, 1, true))
  end
  local values = fits and call('HMGET', key, unpack(fields))
  if values and values[1] then
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
 * before it: as many as the pool's use says.
 *
 * KEYS: meta. Answers: counts, statuses (names and counts), pools (each: name, queued, milliseconds of the oldest).
 */
export const counts = script(
  "counts",
  [readingNow, statuses, ofPool, known],
  `
local statuses, pools = {}, {}
local owners = known('tenant')
for _, name in ipairs({${JobStatus.options.map((name) => `'${name}'`).join(",")}}) do
  local n = 0
  for _, owner in ipairs(owners) do
    local base = STATUS[name] * 1e12
    n = n + call('ZCOUNT', P .. 'index:' .. owner, base, string.format('(%.0f', base + 1e12))
  end
  if n > 0 then
    statuses[#statuses + 1] = name
    statuses[#statuses + 1] = n
  end
end
for _, pool in ipairs(known('pool')) do
  local n = call('ZCARD', of_pool('queue', pool)) + call('ZCARD', of_pool('held', pool))
  if n > 0 then
    local since, running = now, tonumber(call('HGET', P .. 'use', 'pool:' .. pool) or 0)
    for _, from in ipairs({'-inf', '${begun}'}) do
      for _, id in ipairs(call('ZRANGEBYSCORE', of_pool('demand', pool), from, '+inf', 'LIMIT', 0, running + 1)) do
        local status, queued = unpack(call('HMGET', P .. 'job:' .. id, 'status', '_queued'))
        if status == 'queued' then
          since = math.min(since, tonumber(queued))
          break
        end
      end
    end
    pools[#pools + 1] = {pool, n, now - since}
  end
end
return {'counts', statuses, pools}
`,
);
