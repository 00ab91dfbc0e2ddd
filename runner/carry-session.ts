import { stat } from "node:fs/promises";
import type { Clock } from "../shared/clock.ts";
import { isStoreAway, LeaseLost } from "../shared/error.ts";
import type { Log } from "../shared/log.ts";
import type { Lease } from "../shared/store.ts";
import { findTranscript, isBegun, keepTranscript, keptAt } from "./claude/transcripts.ts";
import type { SessionCopies } from "./session-copies.ts";
import { whileAway } from "./while-away.ts";

type Talk = Readonly<{ lease: Lease; configDir: string; sessions: string; sessionId: string }>;
type Deps = Readonly<{ copies: SessionCopies; clock: Clock; log: Log; times: Readonly<{ urgentMs: number }> }>;

/** Between two copies while Claude works: so long, and a second for each of these bytes that the last one had. */
const leastPauseMs = 5_000;
const bytesPerSecond = 64 * 1024;
/** Claude says that it begins (2.1.330, seen) half a second before it writes the task: until then the file is looked at this often. */
const firstLook = { pauseMs: 250, tries: 40 };
/** An outage of the store may hold up the end of an attempt for this long, for its conversation's sake. */
const patienceMs = 60_000;

export interface CarriedSession extends AsyncDisposable {
  /** Something was said: a copy goes to the store soon; where a turn is over, also of a long conversation. */
  said(turnIsOver?: boolean): void;
  /** Claude is dead: keeps the whole. @returns sentences for the job. @throws LeaseLost, AppError `disk_full`, `internal`. */
  end(signal: AbortSignal): Promise<readonly string[]>;
}

/** Changes with each write to the file; empty where an agent has taken it away. */
const stateOf = (file: string): Promise<string> =>
  stat(file).then(
    ({ size, mtimeMs }) => `${size} ${mtimeMs}`,
    () => "",
  );

/** Takes a session's conversation along while its job runs, so that any other box can go on with it. */
export function carrySession(talk: Talk, { copies, clock, log, times }: Deps): CarriedSession {
  const { lease, configDir, sessions, sessionId } = talk;
  const over = new AbortController();
  let pending = false;
  let turnIsOver = false;
  let wake = new AbortController();
  /** How often the file was looked at before something was said in it. */
  let looks = 0;
  /** The file as it was when it was last copied. */
  let copied = "";
  let running: Promise<void> | undefined;

  /** Claude writes its transcript behind what it prints: after each word the file is looked at once more, a pause later. */
  async function copying(): Promise<void> {
    while (!over.signal.aborted) {
      const file = (await findTranscript(configDir, sessionId).catch(() => undefined))?.file;
      const state = file === undefined ? "" : await stateOf(file);
      // What cannot be read, as where the agent has closed it to us, is not begun.
      if (looks < firstLook.tries && !(file && (await isBegun(file).catch(() => false)))) {
        looks += 1;
        await clock.sleep(firstLook.pauseMs, over.signal);
        continue;
      }
      looks = firstLook.tries;
      if (!pending && state === copied) return;
      pending = false;
      turnIsOver = false;
      const packedBytes = file === undefined || state === copied ? 0 : await copy(file);
      copied = packedBytes === undefined ? "" : state;
      await pause(Math.max(leastPauseMs, ((packedBytes ?? 0) / bytesPerSecond) * 1_000));
      if (packedBytes === undefined && !pending) return; // tried again with the next word
    }
  }
  async function pause(ms: number): Promise<void> {
    const begun = clock.uptime();
    for (;;) {
      const leftMs = begun + (turnIsOver ? leastPauseMs : ms) - clock.uptime();
      if (over.signal.aborted || leftMs <= 0) return;
      wake = new AbortController();
      await clock.sleep(leftMs, AbortSignal.any([over.signal, wake.signal]));
    }
  }
  /** Bytes of the copy; undefined where it failed. */
  async function copy(file: string): Promise<number | undefined> {
    try {
      return (await copies.keep(lease, { session: sessionId, file })).packedBytes;
    } catch (error) {
      if (!(error instanceof LeaseLost)) log.warn("a conversation could not be copied", { error: String(error) });
      return undefined;
    }
  }
  const stop = async () => {
    over.abort();
    await running;
  };
  return {
    said: (isOver = false) => {
      pending = true;
      if (isOver && !turnIsOver) {
        turnIsOver = true;
        wake.abort();
      }
      running ??= copying().finally(() => {
        running = undefined;
      });
    },
    end: async (signal) => {
      await stop();
      if (!(await keepTranscript({ configDir, sessions, sessionId }))) return [];
      const enough = new AbortController();
      const late = clock.sleep(patienceMs, enough.signal).then(() => enough.abort());
      const file = keptAt(sessions, sessionId);
      try {
        const signals = AbortSignal.any([signal, enough.signal]);
        const keep = () => copies.keep(lease, { session: sessionId, file });
        const { alone } = await whileAway(keep, { clock, capMs: times.urgentMs, signal: signals });
        return alone === undefined ? [] : [alone];
      } catch (error) {
        if (error instanceof LeaseLost) throw error;
        if (!isStoreAway(error) && !signal.aborted && !enough.signal.aborted) throw error;
        log.warn("a conversation could not be copied", { error: String(error) });
        return ["The end of the conversation is on this box alone: the store could not take it."];
      } finally {
        enough.abort();
        await late;
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}
