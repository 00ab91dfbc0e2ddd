import type { Config } from "../config-keys.ts";
import type { StoreLimits } from "../store.ts";

/** What of the configuration a store keeps to when jobs are given out. */
export const limitsOf = ({ repoLimit, poolLimits }: Pick<Config, "repoLimit" | "poolLimits">): StoreLimits => ({
  ...(repoLimit === undefined ? {} : { repoLimit }),
  ...(poolLimits === undefined ? {} : { poolLimits }),
});
