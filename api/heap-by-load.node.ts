import type { Clock } from "../shared/clock.ts";

/** So many answers within the window are a load; a probe now and then is none. */
const manyAnswers = 100;
const windowMs = 30_000;

type Options = Readonly<{
  /** `setFlagsFromString` of node:v8. */
  setFlag: (flag: string) => void;
  clock: Clock;
  /** Nothing is waited for after it. */
  stop: AbortSignal;
}>;

/**
 * To be told of each answer. A service's heap is kept small (bin/prepare-process.js), for which V8 collects garbage again
 * and again: under load, half of what an answer costs. So it may have what it likes while much is answered, and is small
 * again once that is over.
 */
export function heapByLoad({ setFlag, clock, stop }: Options): () => void {
  let answers = 0;
  let isWatched = false;
  let isLarge = false;
  const watch = async (): Promise<void> => {
    isWatched = true;
    do {
      answers = 0;
      await clock.sleep(windowMs, stop);
    } while (answers >= manyAnswers && !stop.aborted);
    if (isLarge) setFlag("--optimize-for-size");
    isLarge = isWatched = false;
  };
  return () => {
    if (!isWatched) void watch();
    answers += 1;
    if (answers < manyAnswers || isLarge) return;
    isLarge = true;
    setFlag("--no-optimize-for-size");
  };
}
