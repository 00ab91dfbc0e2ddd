/** One process of the fake Claude (test/fixtures/bin/claude-lives), as it told of itself. Milliseconds since 1970. */
export type Life = Readonly<{
  job: string;
  fence: number;
  /** Unlike any other process's. */
  id: string;
  startedAt: number;
  /** When it was last seen: its newest beat or its end. */
  lastAt: number;
  /** When it had done its work, if it came to that. */
  doneAt?: number;
  /** How many texts it had said by then. */
  said?: number;
}>;

/** Two processes of one job that lived at the same time. */
export type Overlap = Readonly<{ job: string; lives: readonly [Life, Life]; ms: number }>;

/** What is no whole line (somebody was killed while writing, or is writing now) counts as not written. */
export function readLives(text: string): readonly Life[] {
  const lives = new Map<string, Life>();
  for (const line of text.split("\n")) {
    const [, what, job = "", fence, id = "", micros, said] =
      /^([SBE]) ([\w-]+) (\d+) ([\w.]+) (\d{16})(?: (\d+))?$/.exec(line) ?? [];
    if (what === undefined) continue;
    const at = Number(micros) / 1000;
    const known = lives.get(id) ?? { job, fence: Number(fence), id, startedAt: at, lastAt: at };
    lives.set(id, {
      ...known,
      lastAt: Math.max(known.lastAt, at),
      ...(what === "E" ? { doneAt: at, said: Number(said ?? 0) } : {}),
    });
  }
  return [...lives.values()].toSorted((a, b) => a.startedAt - b.startedAt);
}

/** Pairs whose [start, last beat] intersect, whichever attempts they belong to. */
export function overlapsOf(lives: readonly Life[]): readonly Overlap[] {
  return [...Map.groupBy(lives, ({ job }) => job)].flatMap(([job, all]) =>
    all.flatMap((one, index) =>
      all.slice(index + 1).flatMap((other): readonly Overlap[] => {
        const ms = Math.min(one.lastAt, other.lastAt) - Math.max(one.startedAt, other.startedAt);
        return ms >= 0 ? [{ job, lives: [one, other], ms }] : [];
      }),
    ),
  );
}

/** Starts of work that an earlier process of the same job had done already: at-least-once, one behind the other. */
export const repeatedWork = (lives: readonly Life[]): number =>
  [...Map.groupBy(lives, ({ job }) => job).values()].reduce((count, all) => {
    const done = Math.min(...all.map(({ doneAt }) => doneAt ?? Number.POSITIVE_INFINITY));
    return count + all.filter(({ startedAt }) => startedAt > done).length;
  }, 0);
