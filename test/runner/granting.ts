import type { Grant, LeaseKeeper } from "../../runner/keep-lease.ts";
import { aJobId } from "../support/a-job.ts";

/** A keeper that grants this and is never asked for more: what is started here ends before. */
export const granting = (grant: Grant): LeaseKeeper => ({
  lease: { job: aJobId(), runner: "box-1/a1", fence: 1 },
  signal: new AbortController().signal,
  emit: () => undefined,
  patch: () => undefined,
  room: async () => undefined,
  delivered: () => undefined,
  flush: async () => undefined,
  grant: () => grant,
  onGrant: () => undefined,
  onMessage: () => undefined,
  unheard: () => [],
  end: async () => ({ patch: {}, events: [], firstEvent: 0 }),
  [Symbol.asyncDispose]: async () => undefined,
});
