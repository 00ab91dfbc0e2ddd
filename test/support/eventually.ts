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
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end)
      throw new Error(`not within ${deadlineMs} ms: ${typeof what === "string" ? what : what()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
