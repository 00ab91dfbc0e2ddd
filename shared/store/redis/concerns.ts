import type { ChangeQuery } from "../../change-query.ts";
import type { JobId } from "../../job.ts";
import type { Context } from "./context.ts";
import { look } from "./lua/look.ts";
import { noticesDue, noticesTaken } from "./lua/noticing.ts";
import type { Listening, Reply } from "./wire.ts";

/** What somebody who waits wants to hear of, and how it is asked for where nothing can be heard. */
export type Concern = Readonly<{
  topic: Pick<Listening, "channels" | "patterns">;
  /**
   * What a message means: `ask` where only the store knows, `soon` where one of those who hear it is enough, `over` where
   * one of them was.
   */
  heard(channel: string, payload: string): "wake" | "ask" | "soon" | "over" | "nothing";
  /** True where a message or an answer has told of it already. */
  isKnown?(): boolean;
  /** One read: has it happened, compared with what answers told this process before the wait? */
  happened(): Promise<boolean>;
  /** What may have come before the call counts too, so that it is asked for at once. */
  asksFirst: boolean;
  /** Something can be claimed when time has passed, and a lost message would leave it lying. */
  isIdle: boolean;
  /** Between two looks while nothing can be heard, in milliseconds; 5 s by default. */
  downMs?: number;
}>;

type Parts = Pick<Context, "wire" | "key" | "news" | "run">;

/** A lease shorter than this may end between two plain looks: then a look tells of the next end too. */
const shortLeaseMs = 120_000;

/** The concern of a query. */
export function concernOf(what: ChangeQuery, parts: Parts): Concern {
  const { wire, key, news } = parts;
  const ours = () => ["wake", ...news.runners().map((id) => `ctl:${id}`)].map(key);
  const quiet = { asksFirst: false, isIdle: false };
  if (what.runner !== undefined) {
    const channel = key(`ctl:${what.runner}`);
    const runner = what.runner;
    const before = news.isDraining(runner);
    news.serve(runner);
    return {
      ...quiet,
      topic: { channels: ours() },
      heard: (from, payload) => (from === channel && payload === "drain" ? "wake" : "nothing"),
      happened: async () => !before && (await wire.send(["HGET", key(`runner:${runner}`), "drain"])) !== null,
    };
  }
  if (what.relay !== undefined) {
    const { channel, after } = what.relay;
    return {
      ...quiet,
      topic: { channels: [key(`relay:${channel}`)] },
      heard: (_, last) => (Number(last) > after ? "wake" : "nothing"),
      happened: async () => {
        const last = await wire.send(["HGET", key(`relay:${channel}`), "last"]);
        return last === null || Number(last) > after;
      },
    };
  }
  if (what.job !== undefined && what.control) return controlOf(what.job, parts, ours);
  if (what.job !== undefined) {
    const job = what.job;
    const before = news.revision(job);
    return {
      ...quiet,
      topic: { channels: [key(`changed:${job}`)] },
      heard: (_, revision) => (isLate(revision, before) ? "nothing" : "wake"),
      happened: async () =>
        before === undefined || revisionOf(await wire.send(["HMGET", key(`job:${job}`), "_events", "_rev"])) !== before,
    };
  }
  if (what.notices) return noticesOf(parts, ours);
  return idleOf(what.pools, parts, ours);
}

/** Notifications to send. Who sends them asks for them: that is no dearer than to ask whether there are any. */
const noticesOf = ({ key }: Parts, ours: () => string[]): Concern => ({
  asksFirst: false,
  isIdle: false,
  downMs: 15_000,
  topic: { channels: ours() },
  heard: (channel, payload) => {
    if (channel !== key("wake")) return "nothing";
    return payload === noticesDue ? "soon" : payload === noticesTaken ? "over" : "nothing";
  },
  happened: async () => true,
});

/** What may give a runner of these pools a job; without pools, any change. */
function idleOf(pools: readonly string[] | undefined, { wire, key, news, run }: Parts, ours: () => string[]): Concern {
  const [hadClaimed, seen, revisions] = [news.hasClaimed(), news.seen(), news.revisions()];
  return {
    asksFirst: false,
    isIdle: true,
    topic: pools ? { channels: ours() } : { channels: [key("wake")], patterns: [key("changed:*")] },
    heard: (channel, payload) =>
      pools || channel === key("wake") || isLate(payload, revisions.get(channel.slice(-36))) ? "nothing" : "wake",
    isKnown: () => news.isNews(seen, pools),
    happened: async () => {
      if (!hadClaimed) return true;
      if (news.leaseMs() >= shortLeaseMs) return Number(await wire.send(["HGET", key("meta"), "seq"])) > seen;
      const [, told, nextMs] = await run(look, [...(pools ?? [])]);
      news.note({ told, nextMs });
      return Number(told) > seen;
    },
  };
}

const revisionOf = (reply: Reply): number => {
  const [events, rest] = reply as readonly (string | null)[];
  return Number(events ?? 1) + Number(rest ?? 0);
};

/** A message of what this process knew when the wait began: it has come later than the answer that told of it. */
const isLate = (revision: string, known: number | undefined): boolean =>
  revision !== "" && known !== undefined && Number(revision) <= known;

/** What others do to a running job: asked for and not told yet, or its lease gone. */
function controlOf(job: JobId, { wire, key, news }: Parts, ours: () => string[]): Concern {
  const holder = news.holder(job);
  const control = holder === undefined ? undefined : key(`ctl:${holder.runner}`);
  let before = holder === undefined ? undefined : `running ${holder.fence}`;
  return {
    topic: { channels: control === undefined ? [key(`changed:${job}`)] : ours() },
    heard: (channel, payload) =>
      control === undefined || (channel === control && payload === job) ? "ask" : "nothing",
    happened: async () => {
      const answer = await wire.send(["HMGET", key(`job:${job}`), "status", "attempt", "_asked", "_told"]);
      const [status, fence, asked, told] = answer as readonly (string | null)[];
      const now = `${status} ${fence}`;
      before ??= now;
      return Number(asked ?? 0) > Number(told ?? 0) || now !== before;
    },
    asksFirst: true,
    isIdle: false,
  };
}
