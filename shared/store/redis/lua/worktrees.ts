import { isHeld } from "./job.ts";
import { brief, reader } from "./prologue.ts";
import { script } from "./script.ts";

/** A job whose submission was announced and has not come is waited for so long. */
const announcedMs = 60_000;

/** Whether the job of a worktree lives. Behind \`brief\`, which has the time. */
const live = `
local function is_live(id, announced)
  if not id then return false end
  local status = call('HGET', P .. 'job:' .. id, 'status')
  if status then return status == 'queued' or status == 'running' end
  return announced and now - announced < ${announcedMs}
end
`;

/**
 * Writes what a runner knows of a worktree; its job is the one that the lease is of.
 *
 * KEYS: meta, job. ARGV: runner, fence, job, worktree, tenant, milliseconds since 1970 at which it was made, status, box,
 * record as JSON, milliseconds for which it is remembered. Answers: saved; lost; foreign; busy, job.
 */
export const saveWorktree = script(
  "save-worktree",
  [brief, reader, live],
  `
local runner, fence, id, worktree, tenant, made, state, box, record, ms = arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg()
local status, owner, number = unpack(call('HMGET', KEYS[2], 'status', '_runner', 'attempt'))
local j = {status = status, _runner = owner, attempt = number}
if not (${isHeld}) then return {'lost'} end
local name = P .. 'worktree:' .. worktree
local theirs, user, announced = unpack(call('HMGET', name, 'tenant', 'job', 'announced'))
if theirs and theirs ~= tenant then return {'foreign'} end
if user and user ~= id and is_live(user, tonumber(announced)) then return {'busy', user} end
call('HSET', name, 'tenant', tenant, 'job', id, 'status', state, 'box', box, 'record', record)
call('HDEL', name, 'announced', 'before')
call('PEXPIRE', name, ms)
if state == 'removed' then call('ZREM', P .. 'index:worktrees', worktree)
else call('ZADD', P .. 'index:worktrees', made, worktree) end
return {'saved'}
`,
);

/**
 * Gives a worktree to a job that is being queued: by \`submit\`, where neither the id nor the idempotency key has made a job
 * yet, or again by \`retry\`.
 *
 * KEYS: meta, job. ARGV: job, tenant, worktree, idempotency key (or empty), 1 where it is queued again.
 * Answers: taken; none; busy, job; not-ready, status.
 */
export const takeWorktree = script(
  "take-worktree",
  [brief, reader, live],
  `
local id, tenant, worktree, key, again = arg(), arg(), arg(), arg(), arg()
if again == '' then
  if call('EXISTS', KEYS[2]) == 1 then return {'taken'} end
  if key ~= '' then
    local job, gone = unpack(call('HMGET', P .. 'idem:' .. tenant .. ':' .. key, 'job', 'gone'))
    if job and not (gone and tonumber(gone) <= now) then return {'taken'} end
  end
end
local name = P .. 'worktree:' .. worktree
local theirs, user, announced, status = unpack(call('HMGET', name, 'tenant', 'job', 'announced', 'status'))
if not theirs or theirs ~= tenant or status == 'removed' then return {'none'} end
if user ~= id and is_live(user, tonumber(announced)) then return {'busy', user} end
if status ~= 'ready' then return {'not-ready', 'failed'} end
if user and user ~= id then call('HSET', name, 'before', user) end
call('HSET', name, 'job', id, 'announced', now)
return {'taken'}
`,
);

/**
 * Gives a worktree back to whom it was before, where the job that took it was not made.
 *
 * KEYS: meta, job. ARGV: job, worktree. Answers: given.
 */
export const giveBackWorktree = script(
  "give-back-worktree",
  [brief, reader],
  `
local id, name = arg(), P .. 'worktree:' .. arg()
local user, before = unpack(call('HMGET', name, 'job', 'before'))
if user == id and before and call('EXISTS', KEYS[2]) == 0 then
  call('HSET', name, 'job', before)
  call('HDEL', name, 'announced', 'before')
end
return {'given'}
`,
);

/**
 * Worktrees with whether their jobs live.
 *
 * KEYS: meta. ARGV: worktree (empty: all, newest first), tenant (or empty), box (or empty), how many.
 * Answers: worktrees, then of each record, job, and 1 where that lives.
 */
export const readWorktrees = script(
  "read-worktrees",
  [brief, reader, live],
  `
local worktree, tenant, box, most = arg(), arg(), arg(), tonumber(arg())
local ids = worktree ~= '' and {worktree} or call('ZRANGE', P .. 'index:worktrees', 0, -1, 'REV')
local answer = {'worktrees'}
for _, id in ipairs(ids) do
  if #answer > 3 * most then break end
  local fields = {'record', 'tenant', 'job', 'box', 'announced'}
  local record, theirs, job, on, announced = unpack(call('HMGET', P .. 'worktree:' .. id, unpack(fields)))
  if not record then call('ZREM', P .. 'index:worktrees', id)
  elseif (tenant == '' or theirs == tenant) and (box == '' or on == box) then
    answer[#answer + 1] = record
    answer[#answer + 1] = job
    answer[#answer + 1] = is_live(job, tonumber(announced)) and 1 or 0
  end
end
return answer
`,
);
