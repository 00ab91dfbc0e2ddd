import { sessionRetentionMs } from "../../../session-retention.ts";
import { isHeld } from "./job.ts";
import { reader, reading, writing } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Remembers who may continue a session.
 *
 * KEYS: meta, job. ARGV: job's id, runner, fence, session, tenant, repository's key (or empty), job, runner.
 * Answers: saved; lost; foreign.
 */
export const saveSession = script(
  "save-session",
  [writing, reader],
  `
local id, runner, fence, session, tenant, key, job, on = arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg()
local status, owner, number = unpack(call('HMGET', KEYS[2], 'status', '_runner', 'attempt'))
local j = {status = status, _runner = owner, attempt = number}
if not (${isHeld}) then return {'lost'} end
local name = P .. 'session:' .. session
local owner, repo = unpack(call('HMGET', name, 'tenant', 'repo'))
if owner and (owner ~= tenant or repo ~= key) then return {'foreign'} end
call('HSET', name, 'tenant', tenant, 'repo', key, 'job', job, 'runner', on)
call('PEXPIRE', name, ${sessionRetentionMs})
return {'saved'}
`,
);

/**
 * The live job that uses a session now, else the first that waits for it.
 *
 * KEYS: meta. ARGV: session. Answers: user, id; none.
 */
export const sessionUser = script(
  "session-user",
  [reading, reader],
  `
local users = call('ZRANGE', P .. 'users:' .. arg(), 0, -1)
for _, id in ipairs(users) do
  if call('HGET', P .. 'job:' .. id, 'status') == 'running' then return {'user', id} end
end
if users[1] then return {'user', users[1]} end
return {'none'}
`,
);
