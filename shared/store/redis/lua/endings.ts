import { settling } from "./budgets.ts";
import { flushing } from "./job.ts";
import { noteDue } from "./prologue.ts";
import { because } from "./rules.ts";

/**
 * Jobs of a pool's \`demand\` in order: those that were not started yet by the end of their queue time, then those that were
 * and wait again, by when they began to. One that runs stays where it was until that end has passed.
 */
export const begun = 1e15;

/** Beyond the end of its job, an idempotency key is kept this long (contract 2), in milliseconds. */
const keyMs = 24 * 3_600_000;

/** What an index of its own has, so that few are found among many. */
export const rare = "(j.status ~= 'succeeded')";

/**
 * The one terminal step of \`j\`, whose new status stands in it: event and the times of removal. Behind \`ofPool\`.
 */
export const closing = `
do
  local seconds, tenant = string.match(j._terms, '^%S+ %d+ (%d+) %d+ (.*)$')
  local ttl = whole(seconds * 1000)
  put(j, 'status', j.status)
  put(j, 'ended_at', now_text)
  later('ZREM', of_pool('demand', j.pool), j.id)
  later('ZADD', GONE, whole(now + ttl), j.id .. tenant)
  if ${rare} then call('ZADD', P .. 'index:status:' .. j.status, call('ZSCORE', P .. 'index:tenant:' .. tenant, j.id), j.id) end
  if j.session_id then call('ZREM', P .. 'users:' .. j.session_id, j.id) end
  if j._key and call('HGET', j._key, 'job') == j.id then
    call('HSET', j._key, 'gone', now + ${keyMs})
    call('PEXPIRE', j._key, ${keyMs})
  end
  ${settling}
  local facts = '{"status":"' .. j.status .. '"'
  if j.error_code then facts = facts .. ',"error_code":' .. cjson.encode(j.error_code) end
  if j.error then facts = facts .. ',"error":' .. cjson.encode(j.error) end
  if j.remedy then facts = facts .. ',"remedy":' .. cjson.encode(j.remedy) end
  if j.cost_usd then facts = facts .. ',"cost_usd":' .. j.cost_usd end
  if j.commit then facts = facts .. ',"commit":' .. cjson.encode(j.commit) end
  if j.branch then facts = facts .. ',"branch":' .. cjson.encode(j.branch) end
  append(j, 'job.' .. j.status, facts .. '}')
  ${flushing}
  call('PEXPIRE', j.key, ttl)
  if j._streamed then call('PEXPIRE', P .. 'events:' .. j.id, ttl) end
  if j._messages then call('PEXPIRE', P .. 'messages:' .. j.id, ttl) end
end
`;

/** A job ends that no runner holds. */
export const endingInQueue = `
local function close(j, status)
  j.status = status
  ${closing}
end
local function because(j, code, sentence, remedy)
  put(j, 'error_code', code)
  put(j, 'error', sentence)
  put(j, 'remedy', remedy)
end
local function leave(j)
  if call('ZREM', P .. 'delayed', j.id) == 1 then call('ZREM', of_pool('held', j.pool), j.id)
  else gates().leave(j) end
  if j.waiting then put(j, 'waiting', '') end
end
local function expire(j)
  local seconds = string.format('%.14g', terms(j).queue_ms / 1000)
  leave(j)
  ${because("queue_expired", "'No runner took the job within its ' .. seconds .. ' s in the queue.'")}
  close(j, 'expired')
end
`;

/**
 * The runner of \`j\` has it no more, and what it still asks is closed; where its pool has a limit, whatever waits in any part of
 * it may go on. Behind \`gates\`.
 */
export const lettingGo = `
if j.phase then put(j, 'phase', '') end
if j.questions then
  for _, question in ipairs(cjson.decode(j.questions)) do
    append(j, 'question.answered', '{"question_id":' .. cjson.encode(question.question_id) .. ',"decision":"deny","reason":"lost"}')
  end
  put(j, 'questions', '')
end
later('ZREM', LEASES, j.id)
if pool_limit(j.pool) then
  local pool = 'pool:' .. string.match(j.pool, '^[^@]*')
  for _, field in ipairs(call('HKEYS', M)) do
    if string.match(field, '^[^@]*') == pool then woken[string.sub(field, 6)] = true end
  end
end
if j.session_id or j._in_pool or j._in_repo or (j._repo and LIMIT > 0) then gates().vacate(j) end
`;

/** An ended attempt as JSON. That of a job that its runner has ended is only written when it is queued again. */
export const attempts = `
local function add_attempt(j, reason, ended)
  local attempt = '{"number":' .. j.attempt .. ',"pod_name":' .. cjson.encode(j.pod_name or '') .. ',"started_at":'
    .. j._started .. ',"ended_at":' .. ended .. ',"reason":"' .. reason .. '"}'
  put(j, 'attempts', j.attempts and j.attempts .. ',' .. attempt or attempt)
end
`;

/**
 * The attempt is over and the job is not, unless starts are used up or a cancel waits; behind \`losses\`, \`attempts\`,
 * \`endingInQueue\` and \`gates\`.
 */
export const givingBack = `
local function put_back(j, reason, how)
  local delay = how.delay
  if not delay and LOSS[reason] then delay = LOSS_DELAYS[math.min(j._lost, #LOSS_DELAYS)] end
  if not delay and how.till then delay = how.till - now end
  delay = math.max(0, math.ceil(delay or 0))
  local waiting = how.waiting
  if not waiting and delay > 0 then waiting = '{"reason":"backoff","until":' .. now + delay .. '}' end
  if j.pid then put(j, 'pid', '') end
  if not j._born then put(j, '_born', queued_at(j)) end
  put(j, 'status', 'queued')
  put(j, '_queued', now)
  call('ZADD', of_pool('demand', j.pool), ${begun} + now, j.id)
  append(j, 'job.queued', '{"reason":"' .. reason .. '"}')
  if waiting then
    put(j, 'waiting', waiting)
    append(j, 'job.delayed', waiting)
  end
  if delay > 0 then
    call('ZADD', P .. 'delayed', now + delay, j.id)
    ${noteDue("now + delay")}
    gates().hold(j.id, j._score, j.pool)
    call('PUBLISH', P .. 'wake', j.pool .. ' ' .. seq .. ' ' .. delay)
  else gates().enter(j) end
  flush(j)
end
local function give_back(j, reason, how)
  if LOSS[reason] then
    append(j, 'lease.lost', '{"pod_name":' .. cjson.encode(j.pod_name or '') .. ',"reason":"' .. reason .. '"}')
  end
  local status = released(j, reason)
  if LOSS[reason] then put(j, '_lost', (j._lost or 0) + 1) end
  add_attempt(j, reason, now)
  ${lettingGo}
  if status == 'queued' then return put_back(j, reason, how) end
  if status == 'cancelled' then
    ${because("cancelled", "'The job was cancelled by ' .. (j._cancel_by or 'someone') .. '.'")}
  else
    local times = j._lost == 1 and ' time' or ' times'
    local pod = j.pod_name or 'a runner'
    ${because("runner_lost", "'The job lost its runner ' .. j._lost .. times .. ', the last one while it ran on ' .. pod .. '.'")}
  end
  close(j, status)
end
`;
