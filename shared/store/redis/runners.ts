import { AppError, LeaseLost } from "../../error.ts";
import type { JobId } from "../../job.ts";
import type { Lease, RunnerRecord, SessionRecord, StoreLock } from "../../store.ts";
import type { Context } from "./context.ts";
import { listed } from "./job-hash.ts";
import { dropLock, takeLock } from "./lua/locks.ts";
import { announce, drain, retire, runners } from "./lua/runners.ts";
import { saveSession, sessionUser } from "./lua/sessions.ts";

/** Who runs, who may continue a session, and locks between runners. */
export function openRunners({ run, wire, key, news }: Pick<Context, "run" | "wire" | "key" | "news">) {
  return {
    announce: async (record: RunnerRecord): Promise<{ drain: boolean }> => {
      news.serve(record.id);
      const [, marked, told, nextMs, live] = await run(announce, [
        ...[record.id, record.name, JSON.stringify(record)],
        ...listed(record.pools),
      ]);
      news.note({ told, nextMs, live });
      news.toldDrain(record.id, marked === 1);
      return { drain: marked === 1 };
    },
    retire: async (id: string): Promise<void> => {
      await run(retire, [id]);
      news.retire(id);
    },
    runners: async (): Promise<readonly RunnerRecord[]> => {
      const [, ...all] = await run(runners, []);
      return all
        .flatMap((text, n) =>
          n % 2 === 0 ? [{ record: JSON.parse(String(text)) as RunnerRecord, drain: all[n + 1] }] : [],
        )
        .map(({ record, drain }) => ({ ...record, draining: record.draining || drain === 1 }))
        .sort((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
    },
    drain: async (name: string): Promise<number> => Number((await run(drain, [name]))[1]),

    saveSession: async (lease: Lease, session: SessionRecord): Promise<void> => {
      const { id, tenant, repoKey = "", job, runner } = session;
      const args = [lease.job, lease.runner, lease.fence, id, tenant, repoKey, job, runner];
      const [word] = await run(saveSession, args, lease.job);
      if (word === "lost") throw new LeaseLost(lease.job);
      if (word === "foreign")
        throw new AppError("session_not_found", `Session ${id} is not one of this tenant and repository.`);
    },
    findSession: async (id: string): Promise<SessionRecord | undefined> => {
      const answer = await wire.send(["HMGET", key(`session:${id}`), "tenant", "repo", "job", "runner"]);
      const [tenant, repoKey, job, runner] = answer as readonly (string | null)[];
      if (!tenant || !job) return undefined;
      return { id, tenant, job: job as JobId, runner: runner ?? "", ...(repoKey ? { repoKey } : {}) };
    },
    sessionUser: async (id: string): Promise<JobId | undefined> => {
      const [word, user] = await run(sessionUser, [id]);
      return word === "user" ? (user as JobId) : undefined;
    },

    takeLock: async ({ name, owner, ttlMs }: StoreLock): Promise<boolean> =>
      (await run(takeLock, [name, owner, ttlMs]))[0] === "taken",
    dropLock: async ({ name, owner }: Omit<StoreLock, "ttlMs">): Promise<void> => {
      await run(dropLock, [name, owner]);
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
