import { relayAfterMs, relayBounds } from "../../../relay-store.ts";
import { brief, reader } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Of a script about one relay: `r` is what is kept of it. `last` counts what was sent, `first` what was taken of it, `mN` is
 * the message of number N, `ids` are those of the last messages, newest first.
 */
const relay = `
local channel = arg()
local key = P .. 'relay:' .. channel
local kept = call('HMGET', key, 'owner', 'till', 'closed', 'last', 'first', 'bytes', 'ids')
local r = {
  owner = kept[1], closed = kept[3] and true, ids = kept[7] or '', is_live = kept[1] and tonumber(kept[2]) > now,
  last = tonumber(kept[4] or 0), first = tonumber(kept[5] or 0), bytes = tonumber(kept[6] or 0)
}
local function live_for(ms)
  call('HSET', key, 'till', whole(now + ms))
  call('PEXPIRE', key, ms)
end
`;

/**
 * Opens a relay.
 *
 * KEYS: meta. ARGV: channel, owner, milliseconds. Answers: opened; used (somebody had this channel before).
 */
export const openRelay = script(
  "open-relay",
  [brief, reader, relay],
  `
local owner, ms = arg(), tonumber(arg())
if r.owner and (r.owner ~= owner or r.closed or r.last > 0) then return {'used'} end
call('HSET', key, 'owner', owner, 'last', 0)
live_for(ms)
return {'opened'}
`,
);

/**
 * Puts a message into a relay and tells its reader on the channel \`relay:{channel}\`: how many there were by now.
 *
 * KEYS: meta. ARGV: channel, owner, id, text. Answers: sent; full; missing.
 */
export const sendRelay = script(
  "send-relay",
  [brief, reader, relay],
  `
local owner, id, text = arg(), arg(), arg()
if not r.is_live or r.owner ~= owner then return {'missing'} end
if string.find(r.ids, id .. ' ', 1, true) then return {'sent'} end
if r.closed then return {'missing'} end
if r.last - r.first >= ${relayBounds.messages} or r.bytes + #text > ${relayBounds.bytes} then return {'full'} end
local n = whole(r.last + 1)
local ids = string.sub(id .. ' ' .. r.ids, 1, (#id + 1) * ${relayBounds.ids})
call('HSET', key, 'last', n, 'bytes', whole(r.bytes + #text), 'ids', ids, 'm' .. n, text)
call('PUBLISH', key, n)
return {'sent'}
`,
);

/**
 * The messages of a relay behind a number; forgets those up to it, and has the relay live on unless it is closed.
 *
 * KEYS: meta. ARGV: channel, number, milliseconds. Answers: messages, a list of number and text of each; missing.
 */
export const takeRelay = script(
  "take-relay",
  [brief, reader, relay],
  `
local after, ms = math.min(tonumber(arg()), r.last), tonumber(arg())
if not r.is_live then return {'missing'} end
local bytes = r.bytes
for n = r.first + 1, after do
  bytes = bytes - call('HSTRLEN', key, 'm' .. whole(n))
  call('HDEL', key, 'm' .. whole(n))
end
local first = math.max(r.first, after)
if first > r.first then call('HSET', key, 'first', whole(first), 'bytes', whole(bytes)) end
if not r.closed then live_for(ms) end
local all = {}
for n = first + 1, r.last do
  all[#all + 1] = n
  all[#all + 1] = call('HGET', key, 'm' .. whole(n))
end
return {'messages', all}
`,
);

/**
 * Closes a relay: what was sent before can be taken for a while.
 *
 * KEYS: meta. ARGV: channel. Answers: closed.
 */
export const closeRelay = script(
  "close-relay",
  [brief, reader, relay],
  `
if r.is_live and not r.closed then
  call('HSET', key, 'closed', 1)
  live_for(${relayAfterMs})
end
return {'closed'}
`,
);
