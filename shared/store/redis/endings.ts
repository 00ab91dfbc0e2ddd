import { iso } from "../../clock.ts";
import { LeaseLost } from "../../error.ts";
import type { Job } from "../../job.ts";
import type { Ending, Lease, Release } from "../../store.ts";
import { ended, patched } from "../job-change.ts";
import { asList, type Context } from "./context.ts";
import { eventWords } from "./event-words.ts";
import { asFacts, asWritten, listed, toFields } from "./job-hash.ts";
import { finish } from "./lua/finish.ts";
import { release } from "./lua/release.ts";

type Parts = Pick<Context, "run" | "limits" | "newId" | "view" | "news">;

/** The ways in which a runner's attempt ends by its own word. */
export function openEndings({ run, limits, newId, view, news }: Parts) {
  return {
    finish: async (lease: Lease, ending: Ending): Promise<Job> => {
      const known = news.held(lease.job);
      const [first, ...events] = eventWords(ending);
      const facts = asFacts([lease.runner, String(lease.fence), ending.status, known?.revision ?? "", first ?? ""]);
      const told = [...listed(toFields(ending.patch)), ...events];
      const [word, hash, time, revision] = await run(finish, [lease.job, facts, ...told], lease.job);
      if (word !== "ended") throw new LeaseLost(lease.job);
      news.letGo(lease.job);
      if (known === undefined || asList(hash).length > 0) return view(hash, []);
      news.saw(lease.job, Number(revision));
      const end = { reason: "ended", started_at: known.startedAt, at: iso(Number(time)) } as const;
      return ended(patched(known.job, asWritten(ending.patch)), ending.status, end);
    },

    release: async (lease: Lease, how: Release): Promise<Job> => {
      const { reason, delayMs, waiting, patch = {} } = how;
      const own = [limits, newId(), lease.job, lease.runner, lease.fence, reason];
      const delay = [
        delayMs ?? "",
        waiting === undefined ? "" : JSON.stringify(waiting),
        waiting === undefined ? "" : Date.parse(waiting.until),
      ];
      const told = [...listed(toFields(patch)), ...eventWords(how)];
      const [word, hash, changes, position, dueMs] = await run(release, [...own, ...delay, ...told], lease.job);
      if (word !== "released") throw new LeaseLost(lease.job);
      news.letGo(lease.job);
      news.note({ alsoMs: dueMs });
      return view(hash, changes, position);
    },
  };
}
