import type { Lease } from "../../shared/store.ts";
import type { KeptEnding } from "./attempt.ts";
import type { Tree } from "./tree.ts";

/** What a box keeps when its runner dies: each entry is written whole or not at all. */
export type Disk = Readonly<{
  /** Attempts that were begun. */
  runs: Map<string, Lease>;
  /** Ids of claims that were about to be asked for, and the runner that asked. */
  notes: Map<string, string>;
  /** Ends that the store may not know yet. */
  endings: Map<string, KeptEnding>;
  /** Not on the disk, but outside of the runner: what lives of its attempts. */
  trees: Map<string, Tree>;
}>;

export const openDisk = (): Disk => ({ runs: new Map(), notes: new Map(), endings: new Map(), trees: new Map() });
