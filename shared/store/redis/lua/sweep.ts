import { endings, givingBack, upkeep } from "./endings.ts";
import { gates } from "./gates.ts";
import { jobs } from "./job.ts";
import { writing } from "./prologue.ts";
import { rules } from "./rules.ts";
import { script } from "./script.ts";

/**
 * One step of the upkeep: due delays, ended leases and queue times, ended jobs over their TTL, silent runners; each at
 * most \`limit\`. An empty wake keeps subscriptions from falling silent.
 *
 * KEYS: meta. ARGV: limits, limit. Answers: swept, 1 where there is more to do, ids of changed jobs.
 */
export const sweep = script(
  "sweep",
  [writing, rules, jobs, gates, endings, givingBack, upkeep],
  `
local limit = tonumber(arg())
local most = math.max(release_due(limit), reap(limit), expire_overdue(limit), remove_gone(limit))
for _, id in ipairs(due('runners', limit, now - 90000)) do
  redis.call('DEL', P .. 'runner:' .. id)
  redis.call('ZREM', P .. 'runners', id)
end
wake()
redis.call('PUBLISH', P .. 'wake', '')
return {'swept', most >= limit and 1 or 0, changed}
`,
);
