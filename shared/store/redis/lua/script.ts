import type { Script } from "../wire.ts";

/** One script: its parts in order, then its body. Nothing of a call is written into it, so that Redis knows it by its digest. */
export const script = (name: string, parts: readonly string[], body: string): Script => ({
  name,
  source: [...parts, body].join(""),
});

type PartsOfMany = Readonly<{ parts: readonly string[]; body: string; after?: string }>;

/**
 * A script that takes many calls at once: its parts are read once, \`body\` is done for each, in order, and then \`after\`;
 * also where a call fails, so that those before it are done wholly, and can be made again.
 *
 * KEYS: meta, then each call's job. ARGV: limits, count of calls, then the words of each call.
 * Answers: a list of the answers of each.
 */
export const scriptOfMany = (name: string, { parts, body, after = "" }: PartsOfMany): Script => ({
  name,
  many: true,
  source: `${parts.join("")}
local taken = 2
local function arg() taken = taken + 1 return ARGV[taken] end
local function some() local v = arg() if v ~= '' then return v end end
local function list() local all = {} for i = 1, tonumber(arg()) do all[i] = arg() end return all end
local function one(KEY)
${body}
end
local answers, is_done, answer = {}, true, nil
for n = 1, tonumber(ARGV[2]) do
  is_done, answer = pcall(one, KEYS[n + 1])
  if not is_done then break end
  answers[n] = answer
end
${after}
if not is_done then error(answer, 0) end
return answers`,
});
