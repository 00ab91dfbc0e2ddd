/**
 * The version of what is kept in Redis and of the scripts that change it. Every script compares it with `P:meta`'s and
 * changes nothing where it is another: two versions never write to one store.
 */
const redisSchema = 1;

/**
 * What every script begins with: KEYS[1] is `P:meta`, and P the prefix of all keys. What is written again and again is
 * made a text by `whole`: for any other number Redis and Lua go through the printing of fractions, as dear as a command.
 */
const common = `
local call = redis.call
local later = call
local M = KEYS[1]
local P = string.sub(M, 1, -5)
local LEASES, GONE, CHANGED = P .. 'leases', P .. 'gone', P .. 'changed:'
local SCHEMA = '${redisSchema}'
local function whole(n) return string.format('%d', n) end
`;

/**
 * Of a script of many: what all its calls add to one sorted set, or take from it, is one command, when `settle` is called.
 * Behind it `later` is no longer `call`; whoever reads such a set settles before.
 */
export const together = `
local pending = {ZADD = {}, ZREM = {}}
local function later(name, key, a, b)
  local words = pending[name][key]
  if not words then pending[name][key] = {a, b}
  else
    words[#words + 1] = a
    if b then words[#words + 1] = b end
  end
end
local function settle()
  for name, keys in pairs(pending) do
    for key, words in pairs(keys) do
      call(name, key, unpack(words))
      keys[key] = nil
    end
  end
end
`;

/** Reads ARGV in its order; an empty text means none, and a list begins with its length. */
export const reader = `
local taken = 0
local function arg() taken = taken + 1 return ARGV[taken] end
local function some() local v = arg() if v ~= '' then return v end end
local function list() local all = {} for i = 1, tonumber(arg()) do all[i] = arg() end return all end
`;

/** Milliseconds since 1970 by the clock of Redis: the only clock that scripts look at. */
const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_text = whole(now)
`;

const refuseOther = `
if head[1] and head[1] ~= SCHEMA then return {'schema', head[1], SCHEMA} end
`;

/** Of a script that only reads. */
export const reading = `${common}
local head = call('HMGET', M, 'schema', 'seq', 'grace', 'spared')
${refuseOther}
local seq, grace, spared = tonumber(head[2] or 0), tonumber(head[3] or 0), tonumber(head[4] or 0)
`;

/** Of a script that writes and gives out no lease: it reads as little as it can. */
export const brief = `${common}${clock}
local head = call('HMGET', M, 'schema', 'seq')
${refuseOther}
local seq, next_due = tonumber(head[2] or 0), nil
if not head[1] then call('HSET', M, 'schema', SCHEMA) end
`;

/** Of a script that only reads and looks at the time. */
export const readingNow = `${reading}${clock}`;

/**
 * Of a script that keeps leases. It notes that Redis is up (\`beat\`); a gap of more than half the longest lease means that it
 * was not, or that nobody was there: then no lease that has ended since the last beat (\`spared\`) is reaped before each
 * runner had a lease's time to renew (\`grace\`).
 */
export const writing = `${common}${clock}
local head = call('HMGET', M, 'schema', 'seq', 'beat', 'lease', 'grace', 'spared', 'kept', 'due')
${refuseOther}
local seq, beat, longest = tonumber(head[2] or 0), tonumber(head[3]), tonumber(head[4] or 0)
local grace, spared, next_due = tonumber(head[5] or 0), tonumber(head[6] or 0), tonumber(head[8])
if not (beat and head[1]) then call('HSET', M, 'schema', SCHEMA, 'beat', now)
elseif longest > 0 and now - beat > longest / 2 then
  grace, spared = now + longest, beat
  call('HSET', M, 'beat', now, 'grace', grace, 'spared', spared)
elseif now < beat or now - beat >= math.min(1000, longest > 0 and longest / 8 or 1000) then call('HSET', M, 'beat', now) end
`;

/**
 * No delay and no lease ends before \`due\` of \`P:meta\`: until then a claim needs not look. Whoever makes one that ends
 * sooner says so by this.
 */
export const noteDue = (at: string): string => `
if not next_due or ${at} < next_due then
  next_due = ${at}
  call('HSET', M, 'due', next_due)
end
`;
