/** A reason that is made anew takes a stack trace, of each request. */
const over = new DOMException("It is over.", "AbortError");

/**
 * A signal that aborts with any of the others, until it is disposed (which aborts it). Unlike AbortSignal.any
 * it leaves nothing behind on a signal that lives as long as the process.
 */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): Disposable & { signal: AbortSignal } {
  const own = new AbortController();
  const abort = () => own.abort();
  for (const source of sources) {
    if (source?.aborted) own.abort();
    source?.addEventListener("abort", abort, { once: true });
  }
  return {
    signal: own.signal,
    [Symbol.dispose]: () => {
      own.abort(over);
      for (const source of sources) source?.removeEventListener("abort", abort);
    },
  };
}
