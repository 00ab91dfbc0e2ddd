import { nextTimes } from "./endings.ts";
import { readingNow } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * What an idle runner wants to know, without a change.
 *
 * KEYS: meta. Answers: queue, count of news, milliseconds until time changes something (or empty).
 */
export const look = script(
  "look",
  [readingNow, nextTimes],
  `
return {'queue', seq, until_next()}
`,
);
