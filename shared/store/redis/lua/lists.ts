import { JobStatus } from "../../../job.ts";
import { places } from "./gates.ts";
import { reading, readingNow } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/** How much one answer may hold: far under the 10 MB of Upstash's smallest plan. */
const answerBytes = 4 * 1024 * 1024;

const tenants = `
local function names(kind)
  local all = {}
  for _, field in ipairs(redis.call('HKEYS', M)) do
    local _, last = string.find(field, kind .. ':', 1, true)
    if last and string.sub(field, 1, last) == kind .. ':' then all[#all + 1] = string.sub(field, last + 1) end
  end
  return all
end
`;

/**
 * Jobs before a number, newest first, in one bounded step.
 *
 * KEYS: meta. ARGV: tenant (or empty), status (or empty), repository's address (or empty), profile (or empty), number before
 * which to look (or empty), how many to find, how many to look at, names of fields (a list).
 * Answers: rows, count of all jobs ever, number up to which was looked (0: to the end), then for each job its number and
 * its values.
 */
export const list = script(
  "list",
  [reading, rules, tenants],
  `
local tenant, status, url, profile, before = some(), some(), some(), some(), some()
local wanted, look, fields = tonumber(arg()), tonumber(arg()), list()
local found, more = {}, false
local function range(key, base)
  local till = string.format('(%.0f', base + (before and tonumber(before) or 1e12))
  local ids = redis.call('ZREVRANGEBYSCORE', key, till, string.format('%.0f', base), 'WITHSCORES', 'LIMIT', 0, look)
  for i = 1, #ids, 2 do found[#found + 1] = {id = ids[i], n = tonumber(ids[i + 1]) - base} end
  more = more or #ids >= 2 * look
end
for _, owner in ipairs(tenant and {tenant} or names('tenant')) do
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
    local own = redis.call('HMGET', key, 'repo_url', 'profile')
    fits = (not url or own[1] == url) and (not profile or own[2] == profile)
  end
  local values = fits and redis.call('HMGET', key, unpack(fields))
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
 * Jobs by status, and by pool what waits and since when. Of the jobs of a pool's demand as many run as its use says, so
 * one more of the oldest holds one that waits.
 *
 * KEYS: meta. Answers: counts, statuses (names and counts), pools (each: name, queued, milliseconds of the oldest).
 */
export const counts = script(
  "counts",
  [readingNow, rules, places, tenants],
  `
local statuses, pools = {}, {}
local owners = names('tenant')
for _, name in ipairs({${JobStatus.options.map((name) => `'${name}'`).join(",")}}) do
  local n = 0
  for _, owner in ipairs(owners) do
    local base = STATUS[name] * 1e12
    n = n + redis.call('ZCOUNT', P .. 'index:' .. owner, base, string.format('(%.0f', base + 1e12))
  end
  if n > 0 then
    statuses[#statuses + 1] = name
    statuses[#statuses + 1] = n
  end
end
for _, pool in ipairs(names('pool')) do
  local n = redis.call('ZCARD', of_pool('queue', pool)) + redis.call('ZCARD', of_pool('held', pool))
  if n > 0 then
    local running = tonumber(redis.call('HGET', P .. 'use', 'pool:' .. pool) or '0')
    local since = now
    for _, id in ipairs(redis.call('ZRANGE', of_pool('demand', pool), 0, running)) do
      local status, queued = unpack(redis.call('HMGET', P .. 'job:' .. id, 'status', '_queued'))
      if status == 'queued' then
        since = tonumber(queued)
        break
      end
    end
    pools[#pools + 1] = {pool, n, now - since}
  end
end
return {'counts', statuses, pools}
`,
);
