/** Somebody wants one of so many turns in a window of time. */
export type TurnRequest = Readonly<{
  /** Who: what counts together. */
  subject: string;
  /** At least 1. */
  limit: number;
  windowMs: number;
}>;

export type Turn = Readonly<{
  allowed: boolean;
  /** How many there would be now, after this one. */
  remaining: number;
  /** Refused: when the next one is free. Otherwise: when the window that counts this one is over. In milliseconds, at least 1. */
  resetMs: number;
}>;

/** What is kept of a subject: the window that it came in last, by its begin, and the turns in it and in the one before. */
export type TurnCount = Readonly<{ start: number; before: number; taken: number }>;

/**
 * One turn by a sliding window of two counters: the turns of the window before count by the share of it that the sliding
 * window still covers. So nobody gets two limits' worth around a border, and two numbers are kept however many turns there
 * are. A refused turn is not counted. `now` is in milliseconds of the store's own clock; one that goes back begins anew.
 */
export function takenTurn(
  kept: TurnCount | undefined,
  { limit, windowMs }: Omit<TurnRequest, "subject">,
  now: number,
): Readonly<{ turn: Turn; count: TurnCount }> {
  const start = now - (now % windowMs);
  const { before, taken } = slid(kept, start, windowMs);
  const elapsed = now - start;
  const used = Math.floor((before * (windowMs - elapsed)) / windowMs) + taken;
  const allowed = used < limit;
  const turn: Turn = {
    allowed,
    remaining: allowed ? limit - used - 1 : 0,
    resetMs: allowed ? windowMs - elapsed : waitMs({ before, taken, elapsed }, { limit, windowMs }),
  };
  return { turn, count: { start, before, taken: allowed ? taken + 1 : taken } };
}

function slid(kept: TurnCount | undefined, start: number, windowMs: number): Omit<TurnCount, "start"> {
  if (kept?.start === start) return kept;
  return { before: kept?.start === start - windowMs ? kept.taken : 0, taken: 0 };
}

/** How long until what counts has become less than the limit: in this window, or else in the next, where `taken` fades. */
function waitMs(
  { before, taken, elapsed }: Readonly<{ before: number; taken: number; elapsed: number }>,
  { limit, windowMs }: Omit<TurnRequest, "subject">,
): number {
  const fades = (count: number, room: number) => Math.floor((windowMs * (count - room)) / count) + 1;
  return taken < limit ? fades(before, limit - taken) - elapsed : windowMs - elapsed + fades(taken, limit);
}
