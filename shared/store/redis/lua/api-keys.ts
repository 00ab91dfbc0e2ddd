import { brief, reader, reading } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Keeps an API key that is not there yet; the same once more changes nothing.
 *
 * KEYS: meta. ARGV: id, record. Answers: saved; taken (another one has the id).
 */
export const saveKey = script(
  "save-key",
  [brief, reader],
  `
local id, record = arg(), arg()
local key = P .. 'apikey:' .. id
local known = call('HGET', key, 'record')
if known and known ~= record then return {'taken'} end
call('HSET', key, 'record', record)
call('SADD', P .. 'apikeys', id)
return {'saved'}
`,
);

/**
 * Notes when an API key was used last (\`used\`), or when it was revoked first (\`revoked\`).
 *
 * KEYS: meta. ARGV: id, field, time. Answers: key, record, used or none, revoked or none; missing.
 */
export const markKey = script(
  "mark-key",
  [brief, reader],
  `
local id, field, time = arg(), arg(), arg()
local key = P .. 'apikey:' .. id
if call('EXISTS', key) == 0 then return {'missing'} end
if field == 'used' then call('HSET', key, field, time) else call('HSETNX', key, field, time) end
local all = call('HMGET', key, 'record', 'used', 'revoked')
return {'key', all[1], all[2] or '', all[3] or ''}
`,
);

/**
 * All API keys.
 *
 * KEYS: meta. Answers: keys, then of each its record, used or none, revoked or none.
 */
export const listKeys = script(
  "list-keys",
  [reading],
  `
local answer = {'keys'}
for _, id in ipairs(call('SMEMBERS', P .. 'apikeys')) do
  local all = call('HMGET', P .. 'apikey:' .. id, 'record', 'used', 'revoked')
  for i = 1, 3 do answer[#answer + 1] = all[i] or '' end
end
return answer
`,
);
