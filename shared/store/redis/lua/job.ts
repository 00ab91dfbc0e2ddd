/** What is kept of a job's log (contract 2). */
const keptEvents = 5_000;
const keptBytes = 8 * 1024 * 1024;

/**
 * Sets \`at\` to this moment in RFC 3339, as \`Date.toISOString\` writes it. Days to date:
 * howardhinnant.github.io/date_algorithms.html#civil_from_days
 */
export const isoOf = (ms: string): string => `
do
  local ms = ${ms}
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
  at = string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, doy - math.floor((153 * mp + 2) / 5) + 1,
    math.floor(rest / 3600), math.floor(rest % 3600 / 60), rest % 60, ms % 1000)
end
`;

/**
 * Sets \`j\` to a job's hash, where \`id\` names it: read once (\`flat\`, as it is answered), changed in a table, and written once by \`flush\`
 * (\`set\`, answered behind \`flat\`). A field that was dropped is an empty text. Nil where there is no such job.
 */
export const readJob = (id: string): string => `
do
  local key = P .. 'job:' .. ${id}
  local flat = call('HGETALL', key)
  if flat[1] then
    j = {set = {}, flat = flat}
    for i = 1, #flat, 2 do if flat[i + 1] ~= '' then j[flat[i]] = flat[i + 1] end end
    j.id, j.key = ${id}, key
  else j = nil end
end
`;

/** Changes of a job, behind \`readJob\`. The first entry of its log (it was queued) is not written: it follows from the hash. */
export const changing = `
local function put(j, field, value)
  local set = j.set
  local n = #set
  set[n + 1] = field
  set[n + 2] = value
  if value == '' then value = nil end
  j[field] = value
end
local function append(j, kind, data)
  local n = (j._events or 1) + 1
  call('XADD', P .. 'events:' .. j.id, n .. '-0', 't', kind, 'at', now, 'n', j.attempt or 0, 'd', data)
  j._bytes = (j._bytes or 2) + #data
  j._events = n
end
`;

/**
 * Writes what was changed of \`j\`; its revision is the count of its events and of changes without one. Of its log, entries n-0 of a stream, what is too much goes from the front; the page that
 * is read tells of it.
 */
export const flushing = `
do
  local last, bytes, cut = j._events or '1', j._bytes or 2, tonumber(j._cut or 0)
  if last - cut > ${keptEvents} or tonumber(bytes) > ${keptBytes} then
    local key, lost, attempt = P .. 'events:' .. j.id, j._cut_bytes or 0, 0
    if cut == 0 then cut, bytes, lost = 1, bytes - 2, 2 end
    while last - cut > ${keptEvents} or (bytes > ${keptBytes} and last - cut > 1) do
      local count = math.max(20, math.min(500, last - cut - ${keptEvents}))
      local oldest = call('XRANGE', key, (cut + 1) .. '-0', '+', 'COUNT', count)
      if not oldest[1] then break end
      for _, entry in ipairs(oldest) do
        if last - cut <= ${keptEvents} and (bytes <= ${keptBytes} or last - cut <= 1) then break end
        cut, attempt = cut + 1, entry[2][6]
        bytes, lost = bytes - #entry[2][8], lost + #entry[2][8]
      end
    end
    call('XTRIM', key, 'MINID', '=', (cut + 1) .. '-0')
    put(j, '_cut', cut)
    put(j, '_cut_bytes', lost)
    put(j, '_cut_at', now)
    put(j, '_cut_attempt', attempt)
  end
  if type(last) == 'number' then
    put(j, '_events', last)
    put(j, '_bytes', bytes)
  else put(j, '_rev', (j._rev or 0) + 1) end
  call('HSET', j.key, unpack(j.set))
  call('PUBLISH', P .. 'changed:' .. j.id, (j._events or 1) + (j._rev or 0))
end
`;

/** A new status; the index of its tenant has jobs of one status together. Behind \`statuses\`. */
export const marking = (status: string): string => `
put(j, 'status', ${status})
call('ZADD', P .. 'index:' .. j._tenant, STATUS[${status}] * 1e12 + j._seq, j.id)
`;

/** The same as functions, for scripts that are not called often. */
export const jobs = `${changing}
local function iso(ms) local at ${isoOf("ms")} return at end
local function load(id) local j ${readJob("id")} return j end
local function flush(j) ${flushing} end
local function mark(j, status) ${marking("status")} end
`;

/** Whether this runner holds \`j\`. */
export const isHeld = "j and j.status == 'running' and (j.attempt or '0') == fence and j._runner == runner";

/** What a runner tells of its attempt, without what it has told before; and its patch. Behind \`slowly\`. */
export const telling = `
do
  local told = tonumber(j._told_events or 0)
  local known = first and told - first or 0
  for i = 2 * math.max(0, known) + 1, #events, 2 do append(j, events[i], events[i + 1]) end
  if first and first + #events / 2 > told then put(j, '_told_events', first + #events / 2) end
  for i = 1, #fields, 2 do
    if fields[i] ~= 'session_id' then put(j, fields[i], fields[i + 1])
    elseif fields[i + 1] ~= j.session_id then gates().adopt(j, fields[i + 1]) end
  end
end
`;
