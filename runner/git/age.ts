import { lstat } from "node:fs/promises";
import type { RepoBox } from "./repo-box.ts";

export const minuteMs = 60_000;
/** What is younger may be a start that is just under way, perhaps in another process or on another box. */
export const youngMs = 10 * minuteMs;

/** Milliseconds since it was made or changed, renamed too; 0 for what is not there. */
export const ageOf = async (box: Pick<RepoBox, "now">, path: string): Promise<number> => {
  const facts = await lstat(path).catch(() => undefined);
  return facts === undefined ? 0 : box.now() - facts.ctimeMs;
};
