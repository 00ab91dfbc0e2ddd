import { reader, writing } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Takes a lock, or extends it for its owner.
 *
 * KEYS: meta. ARGV: name, owner, milliseconds. Answers: taken; held.
 */
export const takeLock = script(
  "take-lock",
  [writing, reader],
  `
local key, owner, ms = P .. 'lock:' .. arg(), arg(), tonumber(arg())
local holder, till = unpack(call('HMGET', key, 'owner', 'till'))
if holder and holder ~= owner and tonumber(till) > now then return {'held'} end
call('HSET', key, 'owner', owner, 'till', now + ms)
call('PEXPIRE', key, ms)
return {'taken'}
`,
);

/**
 * Gives a lock back, where this owner has it.
 *
 * KEYS: meta. ARGV: name, owner. Answers: dropped.
 */
export const dropLock = script(
  "drop-lock",
  [writing, reader],
  `
local key, owner = P .. 'lock:' .. arg(), arg()
if call('HGET', key, 'owner') == owner then call('DEL', key) end
return {'dropped'}
`,
);
