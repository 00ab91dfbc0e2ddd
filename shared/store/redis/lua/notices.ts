import { noticeExpired, noticeLifeMs } from "../../../notice-store.ts";
import { jobs } from "./job.ts";
import { noticesTaken } from "./noticing.ts";
import { brief, reader } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * \`end_notice(name, kind, error, retry)\`: what came of it, also on its job, as shared/store/job-change.ts says in other
 * words. \`give_up_notices(limit)\`: of those that are due, the ones that are too old. Behind \`jobs\`.
 */
export const endingNotices = `
local function end_notice(name, kind, why, retry)
  local key, id = P .. 'notice:' .. name, string.sub(name, 1, 36)
  if retry then
    call('HINCRBY', key, 'attempts', 1)
    call('ZADD', P .. 'notices', whole(now + retry), name)
  else
    call('DEL', key)
    call('ZREM', P .. 'notices', name)
  end
  local is_over = kind == 'expired' or (kind == 'failed' and not retry)
  if kind ~= 'expired' then call('HINCRBY', P .. 'notified', kind == 'delivered' and kind or 'failed', 1) end
  if is_over then call('HINCRBY', P .. 'notified', 'given_up', 1) end
  local j = load(id)
  if not j then return end
  local state = cjson.decode(j.notify or '{"attempts":0,"delivered":0}')
  if kind ~= 'expired' then state.attempts = state.attempts + 1 end
  state.last_error = why
  if kind == 'delivered' then state.delivered, state.delivered_at = state.delivered + 1, now end
  if is_over then state.given_up = (state.given_up or 0) + 1 end
  if kind == 'stopped' then
    state.stopped = true
    put(j, '_notify', '')
  end
  put(j, 'notify', cjson.encode(state))
  flush(j)
end
local function give_up_notices(limit)
  local names = call('ZRANGEBYSCORE', P .. 'notices', '-inf', now, 'LIMIT', 0, limit)
  for _, name in ipairs(names) do
    local at = call('HGET', P .. 'notice:' .. name, 'at')
    if not at then call('ZREM', P .. 'notices', name)
    elseif now - at >= ${noticeLifeMs} then end_notice(name, 'expired', '${noticeExpired}') end
  end
end
`;

/** Of those that nobody is to be told of any more, one step drops no more than this. */
const mostLooks = 1_000;

/**
 * Gives out notices that are due.
 *
 * KEYS: meta. ARGV: how many, for how many milliseconds.
 * Answers: notices, then of each its name, url, type, time, attempt, facts, requests made, how often given out, age.
 */
export const takeNotices = script(
  "take-notices",
  [brief, reader, jobs, endingNotices],
  `
local limit, lease_ms, answer, looked = tonumber(arg()), tonumber(arg()), {'notices'}, 0
while #answer <= limit and looked < ${mostLooks} do
  local names = call('ZRANGEBYSCORE', P .. 'notices', '-inf', now, 'LIMIT', 0, limit + 1 - #answer)
  if not names[1] then break end
  for _, name in ipairs(names) do
    looked = looked + 1
    local key = P .. 'notice:' .. name
    local h = call('HMGET', key, 'url', 'type', 'at', 'attempt', 'data', 'attempts')
    local status, wanted = unpack(call('HMGET', P .. 'job:' .. string.sub(name, 1, 36), 'status', '_notify'))
    if not h[3] or (status and not (wanted and wanted ~= '')) then
      call('DEL', key)
      call('ZREM', P .. 'notices', name)
    elseif now - h[3] >= ${noticeLifeMs} then end_notice(name, 'expired', '${noticeExpired}')
    else
      local take = call('HINCRBY', key, 'take', 1)
      call('ZADD', P .. 'notices', whole(now + lease_ms), name)
      answer[#answer + 1] = {name, h[1], h[2], h[3], h[4], h[5], h[6] or '0', take, now - h[3]}
    end
  end
end
if #answer > 1 and #answer <= limit then call('PUBLISH', P .. 'wake', '${noticesTaken}') end
return answer
`,
);

/**
 * What came of a notice that was given out.
 *
 * KEYS: meta. ARGV: name, which time, \`delivered\`, \`failed\` or \`stopped\`, why (or empty), milliseconds until it is sent
 * again (or empty).
 * Answers: settled; late (it is settled, or somebody else's by now).
 */
export const settleNotice = script(
  "settle-notice",
  [brief, reader, jobs, endingNotices],
  `
local name, take, kind, why, retry = arg(), arg(), arg(), some(), some()
local known = call('HGET', P .. 'notice:' .. name, 'take')
if not known or (kind ~= 'delivered' and known ~= take) then return {'late'} end
end_notice(name, kind, why, retry and tonumber(retry))
return {'settled'}
`,
);
