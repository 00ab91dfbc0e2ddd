/** What is kept of a job's log (contract 2), and how many entries are looked at together when it is too large. */
export const keptEvents = 5_000;
export const keptBytes = 8 * 1024 * 1024;

/** RFC 3339, as `Date.toISOString` writes it. Days to date: howardhinnant.github.io/date_algorithms.html#civil_from_days */
const isoTime = `
local function iso(ms)
  local seconds = math.floor(ms / 1000)
  local days = math.floor(seconds / 86400)
  local rest = seconds - days * 86400
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, doy - math.floor((153 * mp + 2) / 5) + 1,
    math.floor(rest / 3600), math.floor(rest % 3600 / 60), rest % 60, ms % 1000)
end
`;

/** A job's hash, read once, changed in a table and written once by \`flush\`. */
const hash = `
local FIELDS = {'status', '_tenant', 'pool', 'max_attempts', 'ttl_seconds', '_queue_ttl', 'session_id', '_repo', '_score',
  '_seq', '_queued', '_expires', 'attempt', 'attempts', 'pod_name', 'phase', 'pid', 'waiting', 'started_at', '_started',
  '_fence', '_runner', '_claim', '_lost', 'cancel_requested_at', '_cancel_by', '_asked', '_told', '_messages', '_key', '_events',
  '_bytes', '_cut', '_cut_bytes', '_told_events', '_renewed', '_released', '_retried', '_made', '_rev', 'error_code',
  'error', 'remedy', 'cost_usd', 'commit', 'branch'}
local function load(id)
  local key = P .. 'job:' .. id
  local values = redis.call('HMGET', key, unpack(FIELDS))
  if not values[1] then return nil end
  local j = {id = id, key = key, out = {}}
  for i = 1, #FIELDS do if values[i] then j[FIELDS[i]] = values[i] end end
  return j
end
local function num(v) return tonumber(v) or 0 end
local function put(j, field, value) j[field] = value j.out[field] = value end
local function drop(j, field) if j[field] then j[field] = nil j.out[field] = false end end
local function all(j) return redis.call('HGETALL', j.key) end
local function held(j, runner, fence)
  return j and j.status == 'running' and j._fence == fence and j._runner == runner
end
local function theirs(j, tenant) return j and (not tenant or j._tenant == tenant) end
`;

/** The job's log: entries n-0 of a stream; what was cut off the front is told of by the page that is read. */
const log = `
local KEPT, KEPT_BYTES = ${keptEvents}, ${keptBytes}
local function append(j, kind, data)
  local n = num(j._events) + 1
  redis.call('XADD', P .. 'events:' .. j.id, n .. '-0', 't', kind, 'at', now, 'n', j.attempt, 'd', data)
  j._bytes = num(j._bytes) + #data
  j._events = n
  j.heard = true
end
local function trim(j)
  local last, bytes, cut, lost = num(j._events), num(j._bytes), num(j._cut), num(j._cut_bytes)
  local function much() return last - cut > KEPT or (bytes > KEPT_BYTES and last - cut > 1) end
  if not much() then return end
  local key, attempt = P .. 'events:' .. j.id, j.attempt
  while much() do
    local count = math.max(20, math.min(500, last - cut - KEPT))
    local oldest = redis.call('XRANGE', key, (cut + 1) .. '-0', '+', 'COUNT', count)
    if #oldest == 0 then break end
    for _, entry in ipairs(oldest) do
      if not much() then break end
      cut = tonumber(string.match(entry[1], '^%d+'))
      attempt = entry[2][6]
      bytes = bytes - #entry[2][8]
      lost = lost + #entry[2][8]
    end
  end
  redis.call('XTRIM', key, 'MINID', '=', (cut + 1) .. '-0')
  j._bytes = bytes
  put(j, '_cut', cut)
  put(j, '_cut_bytes', lost)
  put(j, '_cut_at', now)
  put(j, '_cut_attempt', attempt)
end
local function append_told(j, first, events)
  local known = first and num(j._told_events) - tonumber(first) or 0
  for i = 2 * math.max(0, known) + 1, #events, 2 do append(j, events[i], events[i + 1]) end
  if first and tonumber(first) + #events / 2 > num(j._told_events) then
    put(j, '_told_events', tonumber(first) + #events / 2)
  end
end
`;

const write = `
local function flush(j)
  if j.heard then
    trim(j)
    j.out._events = j._events
    j.out._bytes = j._bytes
  end
  local rev = num(j._rev) + 1
  j.out._rev = rev
  local set, gone = {}, {}
  for field, value in pairs(j.out) do
    if value == false then gone[#gone + 1] = field else
      set[#set + 1] = field
      set[#set + 1] = value
    end
  end
  if #gone > 0 then redis.call('HDEL', j.key, unpack(gone)) end
  redis.call('HSET', j.key, unpack(set))
  j.out = {}
  j.heard = false
  j._rev = rev
  redis.call('PUBLISH', P .. 'changed:' .. j.id, rev)
end
local function mark(j, status)
  put(j, 'status', status)
  redis.call('ZADD', P .. 'index:' .. j._tenant, STATUS[status] * 1e12 + j._seq, j.id)
end
`;

/** Reading and writing of one job; behind \`writing\` and \`rules\`. */
export const jobs = `${isoTime}${hash}${log}${write}`;
