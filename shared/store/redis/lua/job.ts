import { noticing } from "./noticing.ts";

/** What is kept of a job's log (contract 2), and what of its end stands in the hash. */
const keptEvents = 5_000;
const keptBytes = 8 * 1024 * 1024;
const tailBytes = 2 * 1024;

/**
 * Sets \`j\` to a job's hash, where \`id\` names it: read once (\`flat\`, as it is answered), changed in a table, and written
 * once by \`flush\` (\`set\`, answered behind \`flat\`). A field that was dropped is an empty text. Nil where there is no such
 * job. Times are milliseconds since 1970.
 */
export const readJob = (id: string): string => `
do
  local key = P .. 'job:' .. ${id}
  local flat = call('HGETALL', key)
  j = nil
  if flat[1] then
    j = {}
    for i = 1, #flat, 2 do if flat[i + 1] ~= '' then j[flat[i]] = flat[i + 1] end end
    j.id, j.key, j.flat, j.set, j.n = ${id}, key, flat, {}, 0
  end
end
`;

/** What every job that runs has, what some have from the start, and what something that was told of a job has brought it. */
const always = ["status", "attempt", "_runner", "pool", "_terms", "_repo", "_score", "_events", "_bytes", "_tail"];
const some = ["_rev", "session_id", "_key", "_notify", "_budgets", "_in_pool", "_in_repo"];
const told = [
  ...["phase", "_streamed", "_cut", "_cut_bytes", "_told_events", "_messages", "questions"],
  ...["error_code", "error", "remedy", "cost_usd", "commit", "branch"],
];
const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`);
const whereThere = (names: readonly string[], from: number) =>
  names.map((name, n) => `if h[${from + n}] and h[${from + n}] ~= '' then j.${name} = h[${from + n}] end`).join("\n  ");

/**
 * Sets `j` to what scripts look at of a job that runs; of one that is not there `j.status` is not either. KEY is its key.
 * What was told is only read where there is more than the first claim. A table that knows its size is not made anew as it grows.
 */
export const readHeld = (id: string): string => `
do
  local h = call('HMGET', KEY, ${quoted([...always, ...some])})
  j = {id = ${id}, key = KEY, set = {${Array(12).fill("false")}}, n = 0, fresh = false, ended_at = false,
    ${always.map((name, n) => `${name} = h[${n + 1}]`)}}
  ${whereThere(some, always.length + 1)}
  if j._rev or j._events ~= '2' then
    h = call('HMGET', KEY, ${quoted(told)})
    ${whereThere(told, 1)}
  end
end
`;

/**
 * Changes of a job, behind \`readJob\`. Of its log the first entry (it was queued) is not written: it follows from the hash.
 * \`terms\` is what was agreed at its submission and never changes; the job was queued at \`queued_at\`.
 */
export const changing = `${noticing}
local function put(j, field, value)
  local n = j.n
  j.set[n + 1] = field
  j.set[n + 2] = value
  j.n = n + 2
  if value == '' then value = nil end
  j[field] = value
end
local function append(j, kind, data)
  local n = whole((j._events or 1) + 1)
  j._events, j._bytes = n, (j._bytes or 2) + #data
  if j.fresh then j.fresh[#j.fresh + 1] = {n, kind, data} else j.fresh = {{n, kind, data}} end
  if j._notify then notice(j, n, kind, data) end
end
local function terms(j)
  local made, attempts, ttl, queue_ms, tenant = string.match(j._terms, '^(%S+) (%d+) (%d+) (%d+) (.*)$')
  return {made = made, attempts = attempts, ttl = ttl * 1000, queue_ms = tonumber(queue_ms), tenant = tenant}
end
local function revision(j) return (j._events or 1) + (j._rev or 0) end
local function queued_at(j) return tonumber(j._queued or j._expires - terms(j).queue_ms) end
`;

/**
 * Writes what was changed of \`j\`; its revision is the count of its events and of changes without one. The end of its log
 * stands in the hash, as lines \`number time attempt type facts\`; what is longer goes into a stream, as entries n-0. What is
 * too much goes from the front of that, and the page that is read tells of it.
 */
export const flushing = `
if j.fresh then
  local fresh, tail = j.fresh, j._tail or ''
  for _, event in ipairs(fresh) do
    if #tail > ${tailBytes} then break end
    tail = tail .. event[1] .. ' ' .. now_text .. ' ' .. (j.attempt or '0') .. ' ' .. event[2] .. ' ' .. event[3] .. '\\n'
  end
  if #tail <= ${tailBytes} then put(j, '_tail', tail)
  else
    local key = P .. 'events:' .. j.id
    for n, at, attempt, kind, data in string.gmatch(j._tail or '', '(%d+) (%d+) (%d+) (%S+) ([^\\n]*)\\n') do
      call('XADD', key, n .. '-0', 't', kind, 'at', at, 'n', attempt, 'd', data)
    end
    for _, event in ipairs(fresh) do
      call('XADD', key, event[1] .. '-0', 't', event[2], 'at', now, 'n', j.attempt or 0, 'd', event[3])
    end
    if j._tail then put(j, '_tail', '') end
    if not j._streamed then put(j, '_streamed', 1) end
  end
  local last, bytes, cut = tonumber(j._events), tonumber(j._bytes), tonumber(j._cut or 0)
  if last - cut > ${keptEvents} or bytes > ${keptBytes} then
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
    j._bytes = bytes
    put(j, '_cut', cut)
    put(j, '_cut_bytes', lost)
    put(j, '_cut_at', now)
    put(j, '_cut_attempt', attempt)
  end
  put(j, '_events', j._events)
  put(j, '_bytes', whole(j._bytes))
else put(j, '_rev', whole((j._rev or 0) + 1)) end
call('HSET', j.key, unpack(j.set, 1, j.n))
call('PUBLISH', CHANGED .. j.id, whole(revision(j)))
`;

/** The same as functions, for scripts that are not called often. */
export const jobs = `${changing}
local function load(id) local j ${readJob("id")} return j end
local function flush(j) ${flushing} end
`;

/** Whether this runner holds \`j\`: each claim is an attempt, and its number is the fence. */
export const isHeld = "j and j.status == 'running' and j.attempt == fence and j._runner == runner";

/** What a runner tells of its attempt, without what it has told before; and its patch. Behind \`gates\`. */
export const telling = `
if events[1] or first then
  local told = tonumber(j._told_events or 0)
  local known = first and told - first or 0
  for i = 2 * math.max(0, known) + 1, #events, 2 do append(j, events[i], events[i + 1]) end
  if first and first + #events / 2 > told then put(j, '_told_events', first + #events / 2) end
end
for i = 1, #fields, 2 do
  if fields[i] ~= 'session_id' then put(j, fields[i], fields[i + 1])
  elseif fields[i + 1] ~= j.session_id then gates().adopt(j, fields[i + 1]) end
end
`;
