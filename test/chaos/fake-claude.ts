import { resolve } from "node:path";

/** Starts within milliseconds and writes its life into the file that CHAOS_LIFE names. */
export const fakeClaude = resolve(import.meta.dirname, "../fixtures/bin/claude-lives");
