import { ofPool } from "./gates.ts";
import { readingNow } from "./prologue.ts";
import { script } from "./script.ts";
import { nextTimes } from "./upkeep.ts";

/**
 * What an idle runner wants to know, without a change.
 *
 * KEYS: meta. ARGV: pools. Answers: queue, count of news, milliseconds until time changes something (or empty).
 */
export const look = script(
  "look",
  [readingNow, ofPool, nextTimes],
  `
return {'queue', seq, until_next(ARGV)}
`,
);
