import type { Clock } from "../../clock.ts";
import { AppError } from "../../error.ts";
import type { Job, JobId } from "../../job.ts";
import type { StoreLimits } from "../../store.ts";
import { openBatches } from "./batches.ts";
import { toSeen } from "./job-hash.ts";
import { type News, openNews } from "./news.ts";
import { type RedisWire, type Reply, type Script, WireError, type Word } from "./wire.ts";

/** What the parts of the Redis store work with. */
export type Context = Readonly<{
  wire: RedisWire;
  clock: Clock;
  random: () => number;
  newId: () => string;
  /** The full name of a key of ours. */
  key(name: string): string;
  /** The limits as scripts read them. */
  limits: string;
  news: News;
  /** A job as people see it, from an answer: with its position where it waits. */
  view(hash: Reply | undefined, changes: Reply | undefined, position?: Reply): Job;
  /** Runs a script; its first word says what came of it. @throws AppError `store_unavailable` for a store of another version. */
  run(script: Script, args: readonly Word[], job?: JobId): Promise<readonly [word: string, ...Reply[]]>;
}>;

type Options = Readonly<{
  wire: RedisWire;
  prefix: string;
  clock: Clock;
  random: () => number;
  newId: () => string;
  limits: StoreLimits;
}>;

export function openContext({ prefix, limits, ...parts }: Options): Context {
  const key = (name: string) => `${prefix}:${name}`;
  const { repoLimit = "", poolLimits = {} } = limits;
  const news = openNews(parts.clock);
  const words = [repoLimit, ...Object.entries(poolLimits).map(([pool, most]) => `${pool}=${most}`)].join(";");
  const batched = openBatches({ ...parts, meta: key("meta"), limits: words });
  return {
    ...parts,
    key,
    news,
    view: (hash, changes, position) => {
      const { job, revision } = toSeen(hash, changes);
      news.saw(job.id, revision);
      return placed(job, position);
    },
    limits: words,
    run: async (script, args, job) => {
      const own = job === undefined ? undefined : key(`job:${job}`);
      const answer = script.many
        ? batched({ script, args, ...(own === undefined ? {} : { key: own }) })
        : parts.wire.run(script, own === undefined ? [key("meta")] : [key("meta"), own], args);
      const [word, ...rest] = await answer.then(asList, refused(script));
      if (word === "schema") throw otherSchema(prefix, Number(rest[0]), Number(rest[1]));
      return [String(word), ...rest];
    },
  };
}

export const placed = (job: Job, position: Reply | undefined): Job =>
  typeof position === "number" ? { ...job, queue_position: position } : job;

export const asList = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : []);

const refused =
  ({ name }: Script) =>
  (error: unknown): never => {
    if (!(error instanceof WireError)) throw error;
    throw new AppError("internal", `Redis refused the script ${name}: ${error.message}`, { cause: error });
  };

const otherSchema = (prefix: string, theirs: number, ours: number) =>
  new AppError(
    "store_unavailable",
    `The store under the prefix ${prefix} is of schema ${theirs}, and this Agenticore knows ${ours}.`,
    {
      remedy:
        theirs > ours
          ? "Update Agenticore with `agenticore update`: all processes of one store need the same version."
          : "Let the jobs of the older version end and stop its processes, or set REDIS_KEY_PREFIX to another prefix.",
    },
  );

export const notThere = (id: JobId) => new AppError("not_found", `There is no job ${id}.`);
