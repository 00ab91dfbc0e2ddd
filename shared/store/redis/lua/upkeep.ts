import { attempts, begun, endingInQueue, givingBack } from "./endings.ts";
import { losses, may } from "./rules.ts";

/**
 * What time does to jobs, in bounded steps, each of which gives the count of what it looked at; \`changed\` has their ids.
 * \`upkeep()\` is only made where something is due. Behind \`jobs\` and \`gates\`.
 */
export const upkeep = `
local changed = {}
local function due(key, limit, till) return call('ZRANGEBYSCORE', P .. key, '-inf', till or now, 'LIMIT', 0, limit) end
local function unspared() return now < grace and math.min(now, spared) or now end
local kept_up
local function upkeep()
  if kept_up then return kept_up end
${losses}${attempts}${endingInQueue}${givingBack}
  local U = {expire = expire}
  local function note(id) changed[#changed + 1] = id end
  function U.release_due(limit)
    local ids = due('delayed', limit)
    for _, id in ipairs(ids) do
      call('ZREM', P .. 'delayed', id)
      local j = load(id)
      if j and j.status == 'queued' then gates().enter(j) end
    end
    return #ids
  end
  function U.reap(limit)
    local ids = due('leases', limit, unspared())
    for _, id in ipairs(ids) do
      local j = load(id)
      if j and j.status == 'running' then
        call('PUBLISH', P .. 'ctl:' .. j._runner, id)
        give_back(j, 'lease_lost', {})
        note(id)
      else call('ZREM', LEASES, id) end
    end
    return #ids
  end
  function U.expire_overdue(pool, limit)
    local ids = call('ZRANGEBYSCORE', of_pool('demand', pool), '-inf', now, 'LIMIT', 0, limit)
    for _, id in ipairs(ids) do
      local j = load(id)
      if j and ${may("expire")} then
        expire(j)
        note(id)
      elseif j then call('ZADD', of_pool('demand', pool), ${begun} + now, id)
      else call('ZREM', of_pool('demand', pool), id) end
    end
    return #ids
  end
  function U.remove_gone(limit)
    local gone = due('gone', limit)
    for _, member in ipairs(gone) do
      local id, tenant = string.sub(member, 1, 36), string.sub(member, 37)
      call('DEL', P .. 'job:' .. id, P .. 'events:' .. id, P .. 'messages:' .. id)
      call('ZREM', P .. 'index:tenant:' .. tenant, id)
      if call('EXISTS', P .. 'index:tenant:' .. tenant) == 0 then call('HDEL', M, 'tenant:' .. tenant) end
      for _, status in ipairs({'failed', 'cancelled', 'expired'}) do call('ZREM', P .. 'index:status:' .. status, id) end
      call('ZREM', GONE, member)
      call('PUBLISH', CHANGED .. id, '')
      note(id)
    end
    return #gone
  end
  kept_up = U
  return U
end
`;

/** All pools that have a live job, or had one until the last sweep; all tenants that have a job. */
export const known = `
local function known(kind)
  local all = {}
  for _, field in ipairs(call('HKEYS', M)) do
    if string.sub(field, 1, #kind + 1) == kind .. ':' then all[#all + 1] = string.sub(field, #kind + 2) end
  end
  return all
end
`;

/** Milliseconds until time alone changes something (a delay, a lease or a queue time ends), or none. Behind \`ofPool\`. */
export const nextTimes = `
local function until_next(pools)
  local first
  local function look(key, spares)
    local time = tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or ${begun})
    if spares and now < grace and time > spared then time = math.max(time, grace) end
    if time < ${begun} and (not first or time < first) then first = time end
  end
  look(P .. 'delayed')
  look(LEASES, true)
  for _, p in ipairs(pools) do look(of_pool('demand', p)) end
  return first and math.max(0, first - now) or ''
end
`;
