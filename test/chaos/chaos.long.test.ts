import { expect, test } from "vitest";
import { isSound, renderOutcome } from "./outcome.ts";
import { chaosDefaults, runChaos } from "./run-chaos.ts";

/** `npm run chaos -- --seed N --minutes 4` shows a failing one again. */
const seeds = [21, 22, 23];

test.each(seeds)(
  "minutes of faults lose nothing, run nothing twice at once and leave nothing behind (seed %i)",
  async (seed) => {
    const notes: string[] = [];
    const note = (line: string) => void notes.push(line);
    const outcome = await runChaos({ ...chaosDefaults, seed, durationMs: 240_000, note });
    expect(isSound(outcome), `${notes.join("\n")}\n\n${renderOutcome(outcome)}`).toBe(true);
    expect(Math.max(...outcome.recovery.restarted)).toBeLessThan(5_000);
    expect(Math.max(...outcome.recovery.gone)).toBeLessThan(chaosDefaults.leaseMs + 10_000);
  },
);
