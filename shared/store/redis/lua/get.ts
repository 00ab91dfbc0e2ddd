import { ofPool, places } from "./gates.ts";
import { reading } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * One job, whole.
 *
 * KEYS: meta, job. ARGV: tenant (or empty). Answers: job, hash, its changes (none), position; none.
 */
export const get = script(
  "get",
  [reading, ofPool, places],
  `
local tenant = ARGV[1] ~= '' and ARGV[1]
local flat = call('HGETALL', KEYS[2])
local j = {}
for i = 1, #flat, 2 do j[flat[i]] = flat[i + 1] end
if not j.status or (tenant and string.match(j._terms, '^%S+ %d+ %d+ %d+ (.*)$') ~= tenant) then return {'none'} end
return {'job', flat, {}, position(j)}
`,
);
