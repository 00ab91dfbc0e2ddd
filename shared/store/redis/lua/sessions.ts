import { jobs } from "./job.ts";
import { reading, writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/** Claude forgets a session's transcript after 30 days by default (\`cleanupPeriodDays\`); so do we. */
const sessionMs = 30 * 24 * 3_600_000;

/**
 * Remembers who may continue a session.
 *
 * KEYS: meta, job. ARGV: job's id, runner, fence, session, tenant, repository's key (or empty), job, runner.
 * Answers: saved; lost; foreign.
 */
export const saveSession = script(
  "save-session",
  [writing, rules, jobs],
  `
local id, runner, fence, session, tenant, key, job, on = arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg()
if not held(load(id), runner, fence) then return {'lost'} end
local name = P .. 'session:' .. session
local owner, repo = unpack(redis.call('HMGET', name, 'tenant', 'repo'))
if owner and (owner ~= tenant or repo ~= key) then return {'foreign'} end
redis.call('HSET', name, 'tenant', tenant, 'repo', key, 'job', job, 'runner', on)
redis.call('PEXPIRE', name, ${sessionMs})
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
  [reading],
  `
local users = redis.call('ZRANGE', P .. 'users:' .. arg(), 0, -1)
for _, id in ipairs(users) do
  if redis.call('HGET', P .. 'job:' .. id, 'status') == 'running' then return {'user', id} end
end
if users[1] then return {'user', users[1]} end
return {'none'}
`,
);
