import { gates, limits, ofPool, waking } from "./gates.ts";
import { jobs } from "./job.ts";
import { endingNotices } from "./notices.ts";
import { noticesDue } from "./noticing.ts";
import { writing } from "./prologue.ts";
import { script } from "./script.ts";
import { known, upkeep } from "./upkeep.ts";

/**
 * One step of the upkeep: due delays, ended leases and queue times, ended jobs over their TTL, silent runners, old notices; each at
 * most \`limit\`. A pool without a live job is forgotten. An empty wake keeps subscriptions from falling silent; of notices that are
 * due it tells again, should those who heard of them be gone.
 *
 * KEYS: meta. ARGV: limits, limit. Answers: swept, 1 where there is more to do, ids of changed jobs.
 */
export const sweep = script(
  "sweep",
  [writing, ofPool, limits, jobs, endingNotices, gates, upkeep, known],
  `
local limit = tonumber(ARGV[2])
local U = upkeep()
local most = math.max(U.release_due(limit), U.reap(limit), U.remove_gone(limit))
for _, p in ipairs(known('pool')) do
  most = math.max(most, U.expire_overdue(p, limit))
  if call('EXISTS', of_pool('demand', p)) == 0 then call('HDEL', M, 'pool:' .. p) end
end
give_up_notices(limit)
for _, id in ipairs(due('runners', limit, now - 90000)) do
  call('DEL', P .. 'runner:' .. id)
  call('ZREM', P .. 'runners', id)
end
${waking}
call('PUBLISH', P .. 'wake', due('notices', 1)[1] and '${noticesDue}' or '')
return {'swept', most >= limit and 1 or 0, changed}
`,
);
