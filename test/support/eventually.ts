/** Between two looks, in milliseconds; the pause is so many times as long as the look took, so that waiting is cheap. */
const pause = { least: 20, most: 150, times: 8 };

/** Looks until it finds something other than undefined and false. @throws Error when it does not within the time. */
export async function eventually<T>(
  look: () => T | undefined | Promise<T | undefined>,
  {
    deadlineMs = 60_000,
    what = "the condition",
  }: Readonly<{ deadlineMs?: number; what?: string | (() => string) }> = {},
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const begun = performance.now();
    const found = await look();
    if (found !== undefined && found !== false) return found;
    const now = performance.now();
    if (now > end) throw new Error(`not within ${deadlineMs} ms: ${typeof what === "string" ? what : what()}`);
    const pauseMs = Math.min(pause.most, Math.max(pause.least, pause.times * (now - begun)));
    await new Promise((done) => setTimeout(done, pauseMs));
  }
}
