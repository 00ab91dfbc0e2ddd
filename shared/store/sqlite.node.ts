import type { Clock } from "../clock.ts";
import type { JobId } from "../job.ts";
import type { JobStore, StoreLimits } from "../store.ts";
import { openApiKeys } from "./sqlite/api-keys.node.ts";
import { openBudgets } from "./sqlite/budgets.node.ts";
import { openChanges } from "./sqlite/changes.node.ts";
import type { Context } from "./sqlite/context.node.ts";
import { type Database, openDatabase, type Safety } from "./sqlite/database.node.ts";
import { openEventLog } from "./sqlite/event-log.node.ts";
import { openHints } from "./sqlite/hints.node.ts";
import { openJobList } from "./sqlite/job-list.node.ts";
import { openJobRows } from "./sqlite/job-rows.node.ts";
import { openEndings } from "./sqlite/lease-ending.node.ts";
import { openLeases } from "./sqlite/leases.node.ts";
import { openLocks } from "./sqlite/locks.node.ts";
import { openMessages } from "./sqlite/messages.node.ts";
import { openNotices } from "./sqlite/notices.node.ts";
import { openRelays } from "./sqlite/relays.node.ts";
import { openRequests } from "./sqlite/requests.node.ts";
import { openRunners } from "./sqlite/runners.node.ts";
import { openStoreTime } from "./sqlite/store-time.node.ts";
import { openSubmission } from "./sqlite/submission.node.ts";
import { openTranscripts } from "./sqlite/transcripts.node.ts";
import { openTurns } from "./sqlite/turns.node.ts";
import { openUpkeep } from "./sqlite/upkeep.node.ts";
import { openWorktrees } from "./sqlite/worktrees.node.ts";

export type SqliteOptions = Readonly<{
  /** The database file; its folder is made (0700) if need be. */
  path: string;
  clock: Clock;
  /** This boot of the box (`/proc/sys/kernel/random/boot_id`, random(4)): a lease of another boot has expired. */
  bootId: string;
  limits?: StoreLimits;
  random?: () => number;
}>;

/** What one claim does of the upkeep, so that it stays quick whatever has piled up; a removal may be of 5,000 events. */
const perClaim = { reap: 20, expire: 20, remove: 2 } as const;
const perStep = 100;

/**
 * The embedded store: `node:sqlite` in WAL mode; what is promised to somebody outlives a power cut. Several processes of
 * one box may share the file. Leases, delays, queue times and TTLs run by uptime, so that no jump of the wall clock moves them.
 * @throws AppError `store_unavailable` for a file that is damaged, not ours, or of a newer version; `disk_full`.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<JobStore> {
  const { path, clock, random = Math.random } = options;
  const db = await openDatabase(path, { clock, random });
  try {
    return await storeOver(db, options);
  } catch (error) {
    db.close();
    throw error;
  }
}

async function storeOver(db: Database, options: SqliteOptions): Promise<JobStore> {
  const { clock, bootId, limits = {} } = options;
  const time = await openStoreTime(db, { clock, bootId });
  const touched = new Set<JobId>();
  const base = { db, time, clock, bootId, limits, touch: (id: JobId) => void touched.add(id) };
  const context: Context = { ...base, jobs: openJobRows(base) };
  const { jobs } = context;
  const log = openEventLog(context);
  const endings = openEndings(context, log);
  const messages = openMessages(context, log);
  const leases = openLeases(context, log, messages);
  const worktrees = openWorktrees(context);
  const submission = openSubmission(context, log, worktrees);
  const requests = openRequests(context, log, { endings, worktrees });
  const upkeep = openUpkeep(context, endings);
  const lists = openJobList(context);
  const locks = openLocks(context);
  const runners = openRunners(context);
  const transcripts = openTranscripts(context);
  const budgets = openBudgets(context);
  const apiKeys = openApiKeys(context);
  const relays = openRelays(context);
  const notices = openNotices(context);
  const turns = openTurns(context);
  const changes = openChanges({ version: db.version, hints: openHints(context), clock });

  const write = async <T>(body: () => T, safety?: Safety): Promise<T> => {
    const { answer, changed } = await db.write(() => {
      touched.clear();
      const result = body();
      if (touched.size > 0) time.note();
      return { result, jobs: new Set(touched) };
    }, safety);
    if (changed) changes.tell(answer.jobs);
    return answer.result;
  };

  /** In steps with a pause between, so that a long upkeep stops neither this process nor the others. */
  const sweep = async (): Promise<readonly JobId[]> => {
    const all: JobId[] = [];
    for (const step of [upkeep.reap, upkeep.expire, upkeep.remove]) {
      for (let done: JobId[] = []; ; ) {
        done = await write(() => step(perStep));
        all.push(...done);
        if (done.length < perStep) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await write(upkeep.forget);
    if (await db.read(notices.isDue)) await write(notices.expire);
    return [...new Set(all)];
  };

  return {
    submit: (job) => write(() => submission(job)),
    get: (id, tenant) =>
      db.read(() => {
        const row = jobs.find(id, tenant);
        return row && jobs.view(row);
      }),
    list: (query) => db.read(() => lists.list(query)),
    claim: (request) =>
      write(() => {
        upkeep.reap(perClaim.reap);
        upkeep.expire(perClaim.expire);
        upkeep.remove(perClaim.remove);
        return leases.claim(request);
      }),
    // No process outlives a power cut, so a renewal that one takes is missed by nobody.
    renew: (lease, request) => write(() => leases.renew(lease, request), "quick"),
    finish: (lease, ending) => write(() => endings.finish(lease, ending)),
    release: (lease, release) => write(() => endings.giveBack(jobs.held(lease), release)),
    cancel: (id, by) => write(() => requests.cancel(id, by)),
    retry: (id, tenant, how) => write(() => requests.retry(id, tenant, how)),
    addMessage: (id, message, tenant) => write(() => messages.add(id, message, tenant)),
    answer: (id, message, tenant) => write(() => messages.answer(id, message, tenant)),
    events: (id, query) => db.read(() => log.page(jobs.sure(id), query)),
    changed: changes.wait,
    sweep,
    announce: (runner) => write(() => runners.announce(runner), "quick"),
    retire: (id) => write(() => runners.retire(id)),
    runners: () => db.read(runners.runners),
    drain: (name) => write(() => runners.drain(name)),
    // The same: the next attempt saves it again. Claude waits for this one, and a sync for all that a checkout wrote.
    saveSession: (lease, session) => write(() => runners.saveSession(lease, session), "quick"),
    findSession: (id) => db.read(() => runners.findSession(id)),
    sessionUser: (id) => db.read(() => runners.sessionUser(id)),
    saveTranscript: (lease, transcript) => write(() => transcripts.save(lease, transcript), "quick"),
    findTranscript: (session) => db.read(() => transcripts.find(session)),
    saveWorktree: (lease, record) => write(() => worktrees.save(lease, record)),
    findWorktree: (id, tenant) => db.read(() => worktrees.find(id, tenant)),
    listWorktrees: (query) => db.read(() => worktrees.list(query)),
    takeLock: (lock) => write(() => locks.take(lock), "quick"),
    dropLock: (lock) => write(() => locks.drop(lock), "quick"),
    budgets: (names) => db.read(() => budgets.read(names)),
    saveKey: (key) => write(() => apiKeys.save(key)),
    findKey: (id) => db.read(() => apiKeys.find(id)),
    listKeys: () => db.read(apiKeys.list),
    touchKey: (id, at) => write(() => apiKeys.touch(id, at), "quick"),
    revokeKey: (id, at) => write(() => apiKeys.revoke(id, at)),
    // A stream does not outlive its process.
    openRelay: (relay) => write(() => relays.open(relay), "quick"),
    sendRelay: (message) => write(() => relays.send(message), "quick"),
    takeRelay: (taken) => write(() => relays.take(taken), "quick"),
    closeRelay: (channel) => write(() => relays.close(channel), "quick"),
    // Whoever asks again and again leaves the file alone while there is nothing.
    takeNotices: async (asked) => ((await db.read(notices.isDue)) ? write(() => notices.take(asked), "quick") : []),
    // What a power cut takes is sent once more.
    settleNotice: (notice, outcome) => write(() => notices.settle(notice, outcome), "quick"),
    noticeCounts: () => db.read(notices.counts),
    // Nobody waits for a turn, so nobody is told of it.
    takeTurn: async (request) => (await db.write(() => turns.take(request), "quick")).answer,
    counts: () => db.read(lists.counts),
    ping: () => db.read(() => void jobs.get(0)),
    [Symbol.asyncDispose]: async () => {
      changes.close();
      db.close();
    },
  };
}
