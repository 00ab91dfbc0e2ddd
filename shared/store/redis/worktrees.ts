import { LeaseLost } from "../../error.ts";
import type { Job, JobId } from "../../job.ts";
import type { Lease, WorktreeQuery } from "../../store.ts";
import { type WorktreeRecord, worktreeMemoryMs, worktreeNow } from "../../worktree.ts";
import { noWorktree, worktreeInUse, worktreeNotReady } from "../worktree-refusal.ts";
import type { Context } from "./context.ts";
import { giveBackWorktree, readWorktrees, saveWorktree, takeWorktree } from "./lua/worktrees.ts";

type Parts = Pick<Context, "run" | "wire" | "key">;

/** Prepared worktrees, and which job uses each. */
export function openWorktrees({ run }: Pick<Context, "run">) {
  const read = async (id: string, { tenant = "", box = "", limit = 1_000 }: WorktreeQuery) => {
    const [, ...words] = await run(readWorktrees, [id, tenant, box, limit]);
    return words.flatMap((record, n) =>
      n % 3 === 0
        ? [worktreeNow(JSON.parse(String(record)) as WorktreeRecord, String(words[n + 1]), words[n + 2] === 1)]
        : [],
    );
  };
  return {
    saveWorktree: async (lease: Lease, record: WorktreeRecord): Promise<void> => {
      const { id, tenant, status, box = "", created_at } = record;
      const holder = [lease.runner, lease.fence, lease.job];
      const facts = [id, tenant, Date.parse(created_at), status, box, JSON.stringify(record), worktreeMemoryMs(record)];
      const [word, user] = await run(saveWorktree, [...holder, ...facts], lease.job);
      if (word === "lost") throw new LeaseLost(lease.job);
      if (word === "foreign") throw noWorktree(id);
      if (word === "busy") throw worktreeInUse(id, String(user));
    },
    findWorktree: async (id: string, tenant?: string): Promise<WorktreeRecord | undefined> =>
      (await read(id, tenant === undefined ? {} : { tenant }))[0],
    listWorktrees: async (query: WorktreeQuery): Promise<readonly WorktreeRecord[]> =>
      (await read("", query)).filter(({ status }) => status !== "removed"),
  };
}

type Taking = Readonly<{ job: JobId; tenant: string; worktree: string; key?: string | undefined; again?: true }>;

/** Gives a worktree to a job right before it is queued. @throws AppError `not_found`, `worktree_in_use`, `conflict`. */
export async function take(
  { run }: Pick<Context, "run">,
  { job, tenant, worktree, key, again }: Taking,
): Promise<void> {
  const [word, what] = await run(takeWorktree, [job, tenant, worktree, key ?? "", again ? 1 : ""], job);
  if (word === "taken") return;
  if (word === "busy") throw worktreeInUse(worktree, String(what));
  throw word === "none" ? noWorktree(worktree) : worktreeNotReady(worktree, String(what));
}

/** The job was refused after all. What cannot be given back now is free a minute later. */
export async function giveBack({ run }: Pick<Context, "run">, job: JobId, worktree: string): Promise<void> {
  await run(giveBackWorktree, [job, worktree], job).catch(() => undefined);
}

/** `take` for an ended job that is queued again; whose it is, the retry looks at. */
export async function takeAgain({ run, wire, key }: Parts, job: JobId, tenant?: string): Promise<void> {
  const answer = await wire.send(["HMGET", key(`job:${job}`), "request", "_terms"]);
  const [request, terms] = answer as readonly (string | null)[];
  const { kind, worktree_id: worktree } = JSON.parse(request ?? "{}") as Partial<Job>;
  const owner = (terms ?? "").split(" ").slice(4).join(" ");
  if (kind !== "task" || worktree === undefined || (tenant !== undefined && tenant !== owner)) return;
  await take({ run }, { job, tenant: owner, worktree, again: true });
}
