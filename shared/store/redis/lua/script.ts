import type { Script } from "../wire.ts";

/** One script: its parts in order, then its body. Nothing of a call is written into it, so that Redis knows it by its digest. */
export const script = (name: string, parts: readonly string[], body: string): Script => ({
  name,
  source: [...parts, body].join(""),
});
