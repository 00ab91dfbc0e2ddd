import { NoServer } from "./client/no-server.ts";
import { backOff, type Clock } from "./clock.ts";
import { AppError, toAppError } from "./error.ts";
import { isTerminalEvent, JobEvent, StaleNote, staleEvent } from "./event.ts";
import { isTerminal, type Job } from "./job.ts";
import { fromJson } from "./json.ts";
import { decodeSse } from "./sse.ts";

export type FollowOptions = Readonly<{
  /** Events behind this one only. */
  after?: string;
  signal?: AbortSignal;
  /** Called each time the connection is lost, before it is tried again. */
  onLost?: (error: AppError) => void;
  /** Called when the server's store goes away or is back: meanwhile there is no news. */
  onStale?: (isStale: boolean) => void;
}>;

/** Where the events and the job come from: `stream` gives undefined where an ended job has no more. */
type Source = Readonly<{
  url: string;
  clock: Clock;
  /** In how many milliseconds to come again, where the server said so with this error. */
  postponedFor: (error: AppError) => number | undefined;
  stream: (
    id: string,
    options: Readonly<{ after?: string; signal?: AbortSignal; again: boolean }>,
  ) => Promise<ReadableStream<Uint8Array> | undefined>;
  job: (id: string, options: Readonly<{ wait?: number; signal?: AbortSignal; again: boolean }>) => Promise<Job>;
}>;

/** The server sends a keep-alive every 15 s: a stream silent for this long is dead. */
const silenceMs = 45_000;
const pause = { baseMs: 500, capMs: 10_000 };
/** Nobody is left alone for longer, whatever they say: whoever watches is to learn that they are back. */
const maxPauseMs = 60_000;

/**
 * Events of a job as they happen, until its terminal one, over any number of lost connections: nothing is left
 * out or given twice. Ends quietly when the signal aborts.
 * @throws AppError of the server's 4xx answers, and NoServer where not even the first connection is made.
 */
export async function* followJob(source: Source, id: string, options: FollowOptions = {}): AsyncGenerator<JobEvent> {
  const { signal, onLost } = options;
  let after = options.after;
  let ended = false;
  for (let tries = 0, connected = false; !ended && !signal?.aborted; ) {
    const link = new AbortController();
    const linked = signal ? AbortSignal.any([signal, link.signal]) : link.signal;
    try {
      const from = after === undefined ? {} : { after };
      const stream = await source.stream(id, { signal: linked, again: !connected, ...from });
      connected = true;
      if (!stream) return;
      for await (const frame of decodeSse(lively(stream, source.clock, link))) {
        after = frame.id ?? after;
        tries = 0;
        if (frame.event === staleEvent)
          options.onStale?.(StaleNote.safeParse(fromJson(frame.data)).data?.stale === true);
        const event = parseEvent(frame.data);
        if (!event) continue;
        ended = isTerminalEvent(event);
        yield event;
      }
      if (!ended) throw new NoServer(source.url, "The event stream ended before the job did.");
    } catch (thrown) {
      if (signal?.aborted) return;
      const error = lost(thrown, source.url);
      if (!connected || !isPassing(error)) throw error;
      onLost?.(error);
      await source.clock.sleep(pauseAfter(source, error, tries++), signal);
    } finally {
      link.abort();
    }
  }
}

/**
 * The job once it is terminal, however long that takes, over any number of lost connections.
 * @throws AppError of the server's 4xx answers, NoServer where the first request finds no server, the signal's reason when it aborts.
 */
export async function waitForEnd(
  source: Source,
  id: string,
  { signal, onLost }: Omit<FollowOptions, "after" | "onStale"> = {},
): Promise<Job> {
  for (let tries = 0, connected = false; ; ) {
    try {
      const job = await source.job(id, {
        ...(connected ? { wait: 30, again: false } : { wait: 1, again: true }),
        ...(signal ? { signal } : {}),
      });
      if (isTerminal(job.status)) return job;
      connected = true;
      tries = 0;
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = lost(thrown, source.url);
      if (!connected || !isPassing(error)) throw error;
      onLost?.(error);
      await source.clock.sleep(pauseAfter(source, error, tries++), signal);
      signal?.throwIfAborted();
    }
  }
}

/** As long as the server says, or longer with each time. */
const pauseAfter = ({ postponedFor }: Source, error: AppError, tries: number): number =>
  Math.max(backOff(tries, pause), Math.min(postponedFor(error) ?? 0, maxPauseMs));

/** Undefined for what only a newer server says. */
function parseEvent(data: string): JobEvent | undefined {
  const parsed = JobEvent.safeParse(fromJson(data));
  return parsed.success ? parsed.data : undefined;
}

/** Chunks of the stream; a silence that no keep-alive breaks ends the connection. */
async function* lively(stream: ReadableStream<Uint8Array>, clock: Clock, link: AbortController) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const heard = new AbortController();
      const silence = clock.sleep(silenceMs, heard.signal).then(() => "silent" as const);
      // Also where reading fails: a timer that goes on would keep the process alive.
      const chunk = await Promise.race([reader.read(), silence]).finally(() => heard.abort());
      if (chunk === "silent") throw new Error("the event stream was silent for too long");
      if (chunk.done) return;
      yield chunk.value;
    }
  } finally {
    link.abort();
    await reader.cancel().catch(() => undefined);
  }
}

/** What broke a connection in mid-flight is no fault of the job's. */
const lost = (thrown: unknown, url: string): AppError =>
  thrown instanceof AppError ? thrown : new NoServer(url, `The connection to ${url} was lost.`, toAppError(thrown));

const isPassing = (error: AppError): boolean =>
  error instanceof NoServer || ["store_unavailable", "rate_limited", "internal", "timeout"].includes(error.code);
