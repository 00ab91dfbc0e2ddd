import { AppError, LeaseLost } from "../../error.ts";
import type { Lease, TranscriptRecord } from "../../store.ts";
import type { Context } from "./context.ts";
import { listed } from "./job-hash.ts";
import { saveTranscript } from "./lua/transcripts.ts";

/** Conversations, for whoever continues them on another box. */
export function openTranscripts({ run, wire, key }: Pick<Context, "run" | "wire" | "key">) {
  return {
    saveTranscript: async (lease: Lease, transcript: TranscriptRecord): Promise<void> => {
      const { session, version, bytes, box, data } = transcript;
      const fields = [
        "version",
        version,
        "bytes",
        String(bytes),
        "box",
        box,
        ...(data === undefined ? [] : ["data", data]),
      ];
      const [word] = await run(saveTranscript, [lease.runner, lease.fence, session, ...listed(fields)], lease.job);
      if (word === "lost") throw new LeaseLost(lease.job);
      if (word === "foreign")
        throw new AppError("session_not_found", `Session ${session} is not the one that job ${lease.job} works in.`);
    },
    findTranscript: async (session: string): Promise<TranscriptRecord | undefined> => {
      const answer = await wire.send(["HMGET", key(`transcript:${session}`), "version", "bytes", "box", "data"]);
      const [version, bytes, box, data] = answer as readonly (string | null)[];
      if (!version) return undefined;
      return { session, version, bytes: Number(bytes), box: box ?? "", ...(data ? { data } : {}) };
    },
  };
}
