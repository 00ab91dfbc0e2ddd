import { ofPool, places } from "./gates.ts";
import { jobs } from "./job.ts";
import { reader, writing } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Keeps the answer to an open question, among the follow-ups and under the question's id; its own id, without a text, says
 * that it was taken.
 *
 * KEYS: meta, job. ARGV: id, tenant (or empty), the question's id, the answer's id, the answer as JSON.
 * Answers: job, hash, its changes, position; answered; closed; none.
 */
export const answer = script(
  "answer",
  [writing, reader, jobs, ofPool, places],
  `
local id, tenant, question, name, text = arg(), some(), arg(), arg(), arg()
local j = load(id)
if not j or (tenant and terms(j).tenant ~= tenant) then return {'none'} end
local key = P .. 'messages:' .. id
if not (j._messages and call('HEXISTS', key, name) == 1) then
  if j._messages and call('HEXISTS', key, question) == 1 then return {'answered'} end
  local is_open = false
  for _, one in ipairs(cjson.decode(j.questions or '[]')) do is_open = is_open or one.question_id == question end
  if not is_open then return {'closed'} end
  local n = (j._messages or 0) + 1
  call('HSET', key, question, n .. ' ' .. text, name, '')
  put(j, '_messages', n)
  put(j, '_asked', (j._asked or 0) + 1)
  flush(j)
  call('PUBLISH', P .. 'ctl:' .. j._runner, id)
end
return {'job', j.flat, j.set, position(j)}
`,
);
