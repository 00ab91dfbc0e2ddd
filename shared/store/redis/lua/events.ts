import { reader, reading } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * A page of a job's log. What was cut off its front is one entry, under the number of the last one that went, so that
 * whoever has read further never meets it. The first entry is not kept: it follows from the hash.
 *
 * KEYS: meta, job. ARGV: id, number behind which to read, how many.
 * Answers: page, number of the last event, status, entries (each: number, type, time, attempt, facts); none.
 */
export const events = script(
  "events",
  [reading, reader],
  `
local id, after, limit = arg(), tonumber(arg()), tonumber(arg())
local h = call('HMGET', KEYS[2], 'status', '_events', '_tail', '_streamed', '_born', '_queued', '_expires', '_terms', '_cut',
  '_cut_bytes', '_cut_at', '_cut_attempt')
local status, last, tail, streamed, born, queued, expires, agreed, cut, bytes, at, attempt = unpack(h, 1, 12)
if not status then return {'none'} end
local page = {}
if cut and tonumber(cut) > after then
  page[1] = {cut, 'log.dropped', at, attempt, '{"count":' .. cut .. ',"bytes":' .. bytes .. '}'}
  after = tonumber(cut)
elseif after == 0 then
  local first = born or queued or expires - string.match(agreed, '^%S+ %d+ %d+ (%d+)')
  page[1] = {'1', 'job.queued', string.format('%.0f', first), '0', '{}'}
  after = 1
end
if streamed and #page < limit then
  local found = call('XRANGE', P .. 'events:' .. id, (after + 1) .. '-0', '+', 'COUNT', limit - #page)
  for _, entry in ipairs(found) do
    local f = entry[2]
    page[#page + 1] = {string.match(entry[1], '^%d+'), f[2], f[4], f[6], f[8]}
  end
end
for n, time, of, kind, data in string.gmatch(tail or '', '(%d+) (%d+) (%d+) (%S+) ([^\\n]*)\\n') do
  if #page >= limit then break end
  if tonumber(n) > after then page[#page + 1] = {n, kind, time, of, data} end
end
return {'page', last or '1', status, page}
`,
);
