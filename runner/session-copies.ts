import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../shared/config-keys.ts";
import { toAppError } from "../shared/error.ts";
import type { JobStore, Lease } from "../shared/store.ts";
import { maxPackedBytes, packTranscript, unpackTranscript } from "./claude/packed-transcript.ts";
import { keptAt } from "./claude/transcripts.ts";

type Deps = Readonly<{
  store: JobStore;
  config: Pick<Config, "redisUrl" | "sessionKey" | "podName">;
  newId: () => string;
  /** Where conversations are kept on this box. */
  sessions: string;
}>;

/** A copy that was made: its size in the store. Where it is on this box alone, `alone` says why. */
export type SessionCopy = Readonly<{ packedBytes: number; alone?: string }>;

/** Conversations move with their jobs: the newest copy of each is in the store, where the boxes share one. */
export type SessionCopies = Readonly<{
  /**
   * Puts the newest conversation where this box keeps it, unless that is what is there.
   * @returns a sentence where the newest one is on another box and cannot be had, else undefined.
   * @throws AppError `store_unavailable`, `disk_full`, `internal`.
   */
  bring: (session: string) => Promise<string | undefined>;
  /** @throws AppError `store_unavailable`, LeaseLost. */
  keep: (lease: Lease, kept: Readonly<{ session: string; file: string }>) => Promise<SessionCopy>;
}>;

/** The embedded store is of this box alone, and so are its conversations: nothing is copied. */
const nothing: SessionCopies = { bring: async () => undefined, keep: async () => ({ packedBytes: 0 }) };

export function openSessionCopies({ store, config, newId, sessions }: Deps): SessionCopies {
  const { redisUrl, sessionKey: key, podName: box } = config;
  if (redisUrl === undefined) return nothing;
  const overHttp = /^https?:/i.test(redisUrl);

  async function bring(session: string): Promise<string | undefined> {
    const newest = await store.findTranscript(session);
    if (newest === undefined || newest.version === (await versionAt(sessions, session))) return undefined;
    if (newest.data === undefined)
      return newest.box === box
        ? undefined
        : `Session ${session} went on on the box ${newest.box}, which alone has it.`;
    try {
      await mkdir(join(sessions, session), { recursive: true, mode: 0o700 });
      await unpackTranscript(newest.data, keptAt(sessions, session), { session, key });
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code !== "session_not_found") throw error;
      return `${error.message} ${error.remedy}`;
    }
    await noteVersion(sessions, session, newest.version);
    return undefined;
  }

  return {
    bring,
    keep: async (lease, { session, file }) => {
      const { bytes, data } =
        overHttp && key === undefined ? { bytes: 0 } : await packTranscript(file, { session, key });
      const version = newId();
      await store.saveTranscript(lease, { session, version, bytes, box, ...(data === undefined ? {} : { data }) });
      await noteVersion(sessions, session, version);
      if (data !== undefined) return { packedBytes: data.length };
      return { packedBytes: 0, alone: overHttp && key === undefined ? withoutKey : tooLong(bytes) };
    },
  };
}

const withoutKey =
  "The conversation stays on this box: without AGENTICORE_SESSION_KEY it is not given to a store that is reached over HTTP.";
const tooLong = (bytes: number) =>
  `The conversation of ${Math.ceil(bytes / 1_048_576)} MiB stays on this box: the store takes what packs into ${maxPackedBytes / 1_048_576} MiB.`;

/** Which copy of the store is part of what this box has: that, or more. */
const versionFile = (sessions: string, session: string) => join(sessions, session, "version");
const versionAt = (sessions: string, session: string): Promise<string | undefined> =>
  readFile(versionFile(sessions, session), "utf8").catch(() => undefined);

async function noteVersion(sessions: string, session: string, version: string): Promise<void> {
  const path = versionFile(sessions, session);
  await mkdir(join(sessions, session), { recursive: true, mode: 0o700 });
  await rm(`${path}.new`, { force: true });
  await writeFile(`${path}.new`, version, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
