import { budgetMemoryMs } from "../../../budget.ts";

/**
 * \`reserve(told, before)\` takes what a job may cost out of the budgets of a day. \`told\` is a list of name, limit and
 * reserve as JSON, in millionths, and \`before\` what the job has cost already. Gives what the job's hash keeps of it; or
 * nothing and \`budget\`, name, spent, reserved of the first that has no room. Money never gets larger than Lua counts exactly.
 */
export const reserving = `
local function reserve(told, before)
  local orders = cjson.decode(told)
  for _, order in ipairs(orders) do
    local spent, reserved = unpack(call('HMGET', P .. 'budget:' .. order.name, 'spent', 'reserved'))
    if tonumber(spent or 0) + tonumber(reserved or 0) + order.reserve > order.limit then
      return nil, {'budget', order.name, spent or '0', reserved or '0'}
    end
  end
  for _, order in ipairs(orders) do
    local key = P .. 'budget:' .. order.name
    call('HINCRBY', key, 'reserved', string.format('%.0f', order.reserve))
    call('PEXPIRE', key, ${budgetMemoryMs})
  end
  return cjson.encode({before = before, of = orders})
end
`;

/** \`j\` ends: what it has cost is spent, and the rest of what was reserved is free again. */
export const settling = `
if j._budgets then
  local kept = cjson.decode(j._budgets)
  local cost = math.max(0, math.floor((tonumber(j.cost_usd) or 0) * 1e6 + 0.5) - kept.before)
  for _, order in ipairs(kept.of) do
    local key = P .. 'budget:' .. order.name
    if call('EXISTS', key) == 1 then
      call('HINCRBY', key, 'reserved', string.format('%.0f', -order.reserve))
      call('HINCRBY', key, 'spent', string.format('%.0f', cost))
      call('PEXPIRE', key, ${budgetMemoryMs})
    end
  end
  put(j, '_budgets', '')
end
`;
