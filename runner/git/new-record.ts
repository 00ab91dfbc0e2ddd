import { randomUUID } from "node:crypto";
import type { Prepared } from "./prepare.ts";
import type { TreeRecord } from "./tree-record.ts";

type Facts = Readonly<{ jobId: string; branch: string; path: string; admin: string; now: number }>;

/** The record of a tree that was just made of this commit for this job. */
export const newRecord = (
  { source, baseRef, baseSha, identity }: Prepared,
  { jobId, branch, path, admin, now }: Facts,
): TreeRecord => ({
  ...{ jobId, path, admin, branch, baseRef, baseSha },
  key: source.place.key,
  repoUrl: source.address.raw,
  identity: { ...identity },
  state: "live",
  opening: randomUUID(),
  clean: true,
  createdAt: now,
  changedAt: now,
});
