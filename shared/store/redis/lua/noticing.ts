import { noticeTypes } from "../../../event.ts";
import { noticeLifeMs } from "../../../notice-store.ts";

/**
 * A notice that nobody asks for, because no process sends any, goes by itself: later than the upkeep that gives it up.
 */
const keptMs = 3 * noticeLifeMs;

/**
 * What is said on the channel \`wake\` to those who send: there is something; and somebody has taken all that there was. To
 * whoever waits for jobs alone they are empty wakes.
 */
export const noticesDue = " notices";
export const noticesTaken = " taken";

/** \`notice(j, n, kind, data)\`: the job's receiver is to be told of this event, if it is one to tell of. Behind \`now_text\`. */
export const noticing = `
local is_noticed
local function notice(j, n, kind, data)
  if not ({${noticeTypes.map((type) => `['${type}']=true`)}})[kind] then return end
  local name = j.id .. '_' .. n
  local key = P .. 'notice:' .. name
  call('HSET', key, 'url', j._notify, 'type', kind, 'at', now_text, 'attempt', j.attempt or '0', 'data', data)
  call('PEXPIRE', key, ${keptMs})
  call('ZADD', P .. 'notices', now_text, name)
  if not is_noticed then call('PUBLISH', P .. 'wake', '${noticesDue}') end
  is_noticed = true
end
`;
