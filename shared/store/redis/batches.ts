import type { Clock } from "../../clock.ts";
import { type RedisWire, type Reply, type Script, WireError, type Word } from "./wire.ts";

/** One call of a script that takes many. */
export type Call = Readonly<{ script: Script; key?: string; args: readonly Word[] }>;
type Waiting = Call & Readonly<{ resolve: (answer: Reply) => void; reject: (reason: unknown) => void }>;
type Batch = { calls: Waiting[]; size: number };

/**
 * What goes in one command at most: Redis does nothing else meanwhile, and its answer comes when all are done. So many, that
 * where fifty ask one command is on its way while Redis works on the other (measured: 16, 20, 24 and 32 are slower).
 */
const mostCalls = 25;
const mostCharacters = 64 * 1024;
/** The longest that a call waits for others, in milliseconds. */
const waitMs = 2;

type Parts = Readonly<{ wire: Pick<RedisWire, "run">; clock: Pick<Clock, "sleep">; meta: string; limits: string }>;

/**
 * Calls of one script go together: those of one turn of the event loop, and while Redis works on some, those that come
 * meanwhile. A call that nobody else makes waits for nothing. Each is a step of its own, in the order of the calls; should
 * a script be refused, each is sent again alone, so that none fails for another's sake.
 */
export function openBatches({ wire, clock, meta, limits }: Parts) {
  const gathering = new Map<Script, Batch>();
  const underWay = new Map<Script, number>();

  const send = (script: Script, batch: Batch): void => {
    if (gathering.get(script) === batch) gathering.delete(script);
    count(underWay, script, 1);
    void run(script, batch.calls).then(() => {
      count(underWay, script, -1);
      const next = gathering.get(script);
      if (next) send(script, next);
    });
  };

  async function run(script: Script, calls: readonly Waiting[]): Promise<void> {
    const keys = calls.flatMap(({ key }) => (key === undefined ? [] : [key]));
    const words: Word[] = [limits, calls.length];
    for (const { args } of calls) words.push(...args);
    try {
      const answers = await wire.run(script, [meta, ...keys], words);
      const all = Array.isArray(answers) ? (answers as readonly Reply[]) : [];
      // What concerns the whole store is said once.
      const common = typeof all[0] === "string";
      calls.forEach(({ resolve }, n) => {
        resolve(common ? all : (all[n] ?? null));
      });
    } catch (error) {
      if (calls.length > 1 && error instanceof WireError) await Promise.all(calls.map((call) => run(script, [call])));
      else for (const { reject } of calls) reject(error);
    }
  }

  const begin = (script: Script): Batch => {
    const batch: Batch = { calls: [], size: 0 };
    gathering.set(script, batch);
    const start = underWay.has(script) ? clock.sleep(waitMs) : Promise.resolve();
    void start.then(() => gathering.get(script) === batch && send(script, batch));
    return batch;
  };

  return (call: Call): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { script, args } = call;
      const size = args.reduce<number>((sum, word) => sum + (typeof word === "string" ? word.length : 8), 0);
      const open = gathering.get(script);
      if (open && open.size + size > mostCharacters) send(script, open);
      const batch = gathering.get(script) ?? begin(script);
      batch.calls.push({ ...call, resolve, reject });
      batch.size += size;
      if (batch.calls.length === mostCalls) send(script, batch);
    });
}

function count(all: Map<Script, number>, script: Script, by: number): void {
  const now = (all.get(script) ?? 0) + by;
  if (now === 0) all.delete(script);
  else all.set(script, now);
}
