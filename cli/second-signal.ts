import type { CliContext } from "./context.ts";

type Acts = Readonly<{
  signals: readonly NodeJS.Signals[];
  /** One of the signals, once. */
  first: (signal: NodeJS.Signals) => void;
  /** Again: the person means it. */
  second: (signal: NodeJS.Signals) => void;
}>;

/**
 * One Ctrl-C can arrive several times: the terminal sends it to the whole process group, and npm, npx and the
 * launcher pass on what they get. What comes within this time is the same one.
 */
const sameMs = 300;

/** Tells a first signal from a second one, until disposed. */
export function secondSignal({ onSignal, clock }: CliContext, { signals, first, second }: Acts): Disposable {
  let firstAt: number | undefined;
  const off = onSignal(signals, (signal) => {
    const now = clock.uptime();
    if (firstAt === undefined) {
      firstAt = now;
      first(signal);
    } else if (now - firstAt > sameMs) second(signal);
  });
  return { [Symbol.dispose]: off };
}
