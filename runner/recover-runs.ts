import type { RunnerDeps } from "./runner-deps.ts";
export async function recoverRuns(_deps: RunnerDeps): Promise<void> {}
