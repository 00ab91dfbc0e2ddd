import { ofPool, places } from "./gates.ts";
import { jobs } from "./job.ts";
import { reader, writing } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Keeps a follow-up for a live job until it was delivered; what was delivered leaves its id, so that it never comes twice.
 *
 * KEYS: meta, job. ARGV: id, tenant (or empty), the message's id, its mode, the message as JSON.
 * Answers: job, hash, its changes, position; over, status; none.
 */
export const message = script(
  "message",
  [writing, reader, jobs, ofPool, places],
  `
local id, tenant, name, mode, text = arg(), some(), arg(), arg(), arg()
local j = load(id)
if not j or (tenant and terms(j).tenant ~= tenant) then return {'none'} end
local key = P .. 'messages:' .. id
if not (j._messages and call('HEXISTS', key, name) == 1) then
  if j.status ~= 'queued' and j.status ~= 'running' then return {'over', j.status} end
  local n = (j._messages or 0) + 1
  call('HSET', key, name, n .. ' ' .. text)
  put(j, '_messages', n)
  put(j, '_asked', (j._asked or 0) + 1)
  append(j, 'message.received', '{"message_id":' .. cjson.encode(name) .. ',"mode":' .. cjson.encode(mode) .. '}')
  flush(j)
  if j.status == 'running' then call('PUBLISH', P .. 'ctl:' .. j._runner, id) end
end
return {'job', j.flat, j.set, position(j)}
`,
);
