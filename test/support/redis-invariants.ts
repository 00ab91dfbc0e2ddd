import { createHash } from "node:crypto";
import { poolOfQueue } from "../../shared/box-queue.ts";
import { isTerminal, JobStatus } from "../../shared/job.ts";
import type { RedisWire } from "../../shared/store/redis/wire.ts";
import { type RedisSnapshot, readRedis } from "./redis-snapshot.ts";

type Row = Readonly<{
  id: string;
  status: JobStatus;
  tenant: string;
  pool: string;
  /** As keys name it: its digest, or `-`. */
  repo: string;
  session: string | undefined;
  score: number;
  field: (name: string) => string | undefined;
}>;
type Found = Readonly<{ add: (sentence: string) => void }>;
type Scene = Readonly<{ all: RedisSnapshot; rows: ReadonlyMap<string, Row>; limit: number | undefined }>;

/**
 * Reads all keys of a store at one moment and looks whether what must always hold (jobs.md 6) holds.
 * @throws Error with a sentence for each violation.
 */
export async function checkInvariants(
  wire: Pick<RedisWire, "run">,
  { prefix, repoLimit }: Readonly<{ prefix: string; repoLimit?: number }>,
): Promise<void> {
  const violations = violationsIn(await readRedis(wire, prefix), repoLimit);
  if (violations.length > 0) throw new Error(`The store breaks its invariants:\n${violations.join("\n")}`);
}

/** A sentence for each thing that is not as it must be. */
export function violationsIn(all: RedisSnapshot, limit?: number): string[] {
  const sentences: string[] = [];
  const found: Found = { add: (sentence) => void sentences.push(sentence) };
  const scene: Scene = { all, rows: rowsOf(all), limit };
  for (const row of scene.rows.values()) {
    isInOnePlace(row, scene, found);
    isListed(row, scene, found);
    livesAsLongAsItMust(row, scene, found);
  }
  nothingIsLeftOver(scene, found);
  usesAreCounted(scene, found);
  repositoriesAreKept(scene, found);
  sessionsAreKept(scene, found);
  return sentences;
}

const ofPool = (name: string, pool: string) => (pool === "default" ? name : `${name}:${pool}`);

function rowsOf({ hashes }: RedisSnapshot): Map<string, Row> {
  const rows = [...hashes].flatMap(([key, hash]): Row[] => {
    if (!key.startsWith("job:")) return [];
    const repo = hash.get("_repo");
    return [
      {
        id: key.slice(4),
        status: JobStatus.parse(hash.get("status")),
        tenant: (hash.get("_terms") ?? "").split(" ").slice(4).join(" "),
        pool: hash.get("pool") ?? "",
        repo: repo === undefined ? "-" : createHash("sha1").update(repo).digest("hex"),
        session: hash.get("session_id"),
        score: Number(hash.get("_score")),
        field: (name) => hash.get(name) || undefined,
      },
    ];
  });
  return new Map(rows.map((row) => [row.id, row]));
}

const isIn = ({ all }: Scene, key: string, member: string): boolean => all.zsets.get(key)?.has(member) ?? false;
const waitsOf = (row: Row) => `parked:session:${row.session}:${row.repo}:${row.pool}`;
const parkedOf = (row: Pick<Row, "repo" | "pool">) => `parked:repo:${row.repo}:${row.pool}`;

/** Each accepted id is in exactly one of queued, delayed, parked, leased, terminal. */
function isInOnePlace(row: Row, scene: Scene, { add }: Found): void {
  const runnable = isIn(scene, ofPool("queue", row.pool), row.id);
  const held = isIn(scene, ofPool("held", row.pool), row.id);
  const delayed = isIn(scene, "delayed", row.id);
  const places = [
    ...(runnable ? ["queue"] : []),
    ...(delayed ? ["delayed"] : []),
    ...(held && !delayed ? ["parked"] : []),
    ...(isIn(scene, "leases", row.id) ? ["leased"] : []),
    ...(isIn(scene, "gone", row.id + row.tenant) ? ["ended"] : []),
  ];
  const allowed =
    row.status === "queued" ? ["queue", "delayed", "parked"] : row.status === "running" ? ["leased"] : ["ended"];
  if (places.length !== 1 || !allowed.includes(places[0] ?? ""))
    add(`job ${row.id} is ${row.status} and stands in: ${places.join(", ") || "nothing"}`);
  if (delayed && !held) add(`job ${row.id} is delayed and not held`);
  const isParkedSomewhere =
    isIn(scene, parkedOf(row), row.id) || (row.session !== undefined && isIn(scene, waitsOf(row), row.id));
  if (places[0] === "parked" && !isParkedSomewhere) add(`job ${row.id} is held, and nothing lets it go`);
  if (row.status !== "queued" && (held || isParkedSomewhere)) add(`job ${row.id} is ${row.status} and still parked`);
}

/** Counted once, by its status and its tenant, under its number. */
function isListed(row: Row, scene: Scene, { add }: Found): void {
  const live = !isTerminal(row.status);
  if (!isIn(scene, `index:tenant:${row.tenant}`, row.id)) add(`job ${row.id} is not listed`);
  for (const status of ["failed", "cancelled", "expired"])
    if (isIn(scene, `index:status:${status}`, row.id) !== (row.status === status))
      add(`job ${row.id} is ${row.status} and wrongly listed as ${status} or not`);
  const demand = scene.all.zsets.get(ofPool("demand", row.pool))?.get(row.id);
  const expires = row.field("_expires");
  const waits = row.field("_started") ? 1e15 + Number(row.field("_queued")) : Number(expires);
  const isRight = row.status === "queued" ? demand === waits : (demand !== undefined) === live;
  if (!isRight) add(`job ${row.id} is ${row.status}; the demand says otherwise (${demand})`);
  if (row.session !== undefined && isIn(scene, `users:${row.session}`, row.id) !== live)
    add(`job ${row.id} is ${row.status}; the users of its session say otherwise`);
  const begun = Number(row.field("attempt") ?? 0);
  const ended = (JSON.parse(`[${row.field("attempts") ?? ""}]`) as unknown[]).length;
  // The last attempt of a job that its runner has ended is told by the job's end.
  const open = row.status === "running" ? [1] : live ? [0] : [0, 1];
  if (!open.includes(begun - ended)) add(`job ${row.id} began ${begun} attempts and ended ${ended}`);
  if (row.status === "running" && (row.field("_runner") === undefined || begun < 1))
    add(`job ${row.id} runs without a runner, or was never claimed`);
}

/** No live key has a TTL, and what has ended goes. */
function livesAsLongAsItMust(row: Row, { all }: Scene, { add }: Found): void {
  const { hashes } = all;
  const name = [...hashes].find(
    ([other, hash]) => row.field("_key")?.endsWith(`:${other}`) && hash.get("job") === row.id,
  );
  for (const own of [`job:${row.id}`, `events:${row.id}`, `messages:${row.id}`, ...(name ? [name[0]] : [])]) {
    const ttl = all.ttls.get(own);
    if (ttl !== undefined && ttl >= 0 !== isTerminal(row.status))
      add(`${own} of a ${row.status} job has the TTL ${ttl}`);
  }
}

/** Nothing speaks of a job that is not there, but what its end has left until the next upkeep. */
function nothingIsLeftOver({ all, rows }: Scene, { add }: Found): void {
  const structural = /^(queue|held|demand|delayed|leases|parked|heads|users)(:|$)/;
  for (const [key, members] of all.zsets) {
    if ((all.ttls.get(key) ?? -1) >= 0) add(`${key} has a TTL`);
    if (structural.test(key))
      for (const id of members.keys()) if (!rows.has(id)) add(`${key} has ${id}, which is no job`);
  }
  for (const name of all.zsets.get("notices")?.keys() ?? [])
    if (!all.hashes.has(`notice:${name}`)) add(`notices has ${name}, which is not there`);
  for (const key of all.hashes.keys())
    if (key.startsWith("notice:") && !all.zsets.get("notices")?.has(key.slice(7))) add(`${key} is never sent`);
  for (const key of ["meta", "use", ...all.sets.keys()]) if ((all.ttls.get(key) ?? -1) >= 0) add(`${key} has a TTL`);
  for (const key of [...all.hashes.keys(), ...all.streams.keys()])
    if (/^(events|messages):/.test(key) && !rows.has(key.slice(-36))) add(`${key} is left of a job that is gone`);
}

const countBy = (rows: Iterable<Row>, name: (row: Row) => string | undefined): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const key = name(row);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};
const running = ({ rows }: Scene): Row[] => [...rows.values()].filter(({ status }) => status === "running");

/** What is in use is what runs. */
function usesAreCounted(scene: Scene, { add }: Found): void {
  const uses = new Map([...(scene.all.hashes.get("use") ?? [])].map(([what, n]) => [what, Number(n)]));
  const rows = running(scene);
  const expected = new Map([
    ...countBy(rows, (row) => row.field("_in_pool") && `pool:${poolOfQueue(row.pool)}`),
    ...countBy(rows, (row) => row.field("_in_repo") && `repo:${row.repo}`),
    ...countBy(rows, (row) => row.session && `session:${row.session}`),
  ]);
  for (const what of new Set([...uses.keys(), ...expected.keys()]))
    if (uses.get(what) !== expected.get(what)) add(`${what}: ${uses.get(what)} are counted, ${expected.get(what)} run`);
  for (const row of rows)
    if (scene.limit !== undefined && row.repo !== "-" && !row.field("_in_repo")) add(`job ${row.id} is not counted`);
}

/** In each pool: runnable and leased jobs of a repository are at most its limit, the best ones, and as many as there can be. */
function repositoriesAreKept(scene: Scene, { add }: Found): void {
  const { all, rows, limit } = scene;
  if (limit === undefined) return;
  const inUse = countBy(running(scene), (row) => row.repo);
  const places = new Map(
    [...rows.values()].flatMap((row) => (row.repo === "-" ? [] : [[parkedOf(row), row] as const])),
  );
  for (const [key, { repo, pool }] of places) {
    const queue = all.zsets.get(ofPool("queue", pool)) ?? new Map<string, number>();
    const runnable = [...queue.keys()].filter((id) => rows.get(id)?.repo === repo);
    const parked = [...(all.zsets.get(key)?.keys() ?? [])];
    const heads = [...(all.zsets.get(`heads:${repo}:${pool}`)?.keys() ?? [])];
    if (runnable.toSorted().join() !== heads.toSorted().join())
      add(`heads of ${key}: ${heads}; runnable are: ${runnable}`);
    const used = inUse.get(repo) ?? 0;
    if (runnable.length > 0 && runnable.length + used > limit)
      add(`${key}: ${runnable.length} runnable + ${used} leased pass ${limit}`);
    if (parked.length > 0 && runnable.length + used < limit)
      add(`${key}: ${parked.length} are parked while there is room`);
    const score = (id: string) => rows.get(id)?.score ?? 0;
    if (Math.max(...runnable.map(score)) > Math.min(...parked.map(score)))
      add(`${key}: a better job is parked behind a worse one`);
  }
}

/** Of each session nothing may start while one runs with it, else the best of each repository and pool. */
function sessionsAreKept(scene: Scene, { add }: Found): void {
  const { rows } = scene;
  const busy = countBy(running(scene), (row) => row.session);
  const groups = new Map<string, Row[]>();
  for (const row of rows.values())
    if (row.session !== undefined && row.status === "queued" && !isIn(scene, "delayed", row.id))
      groups.set(waitsOf(row), [...(groups.get(waitsOf(row)) ?? []), row]);
  for (const [key, group] of groups) {
    const best = group.toSorted((a, b) => a.score - b.score)[0];
    for (const row of group) {
      const isOffered = isIn(scene, ofPool("queue", row.pool), row.id) || isIn(scene, parkedOf(row), row.id);
      const mayBe = row === best && !busy.has(row.session ?? "");
      if (isOffered !== mayBe) add(`${key}: job ${row.id} ${isOffered ? "is" : "is not"} offered`);
      if (!isIn(scene, key, row.id)) add(`${key} does not have ${row.id}`);
    }
  }
}
