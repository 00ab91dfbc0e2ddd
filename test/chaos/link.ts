import { systemClock } from "../../shared/clock.node.ts";
import type { LinkFault } from "../support/fault-plan.ts";
import type { FaultProxy } from "../support/fault-proxy.ts";

/** Somebody's way to the store. One fault at a time: false while there is one. */
export type Link = Readonly<{
  kind: "tcp" | "http";
  /** Nothing comes through for that time; then all that was held up does. */
  cut: (ms: number) => boolean;
  /** This share of requests meets that fate for that time. */
  spoil: (fault: LinkFault, how: Readonly<{ share: number; ms: number }>) => boolean;
  atPeace: () => boolean;
  /** How many requests met which fate. */
  counts: () => Readonly<Record<string, number>>;
}>;

export function keepLink(proxy: FaultProxy, kind: Link["kind"]): Link {
  let busy = false;
  const during = (ms: number, { begin, end }: Readonly<{ begin: () => void; end: () => void }>): boolean => {
    if (busy) return false;
    busy = true;
    begin();
    void systemClock.sleep(ms).then(() => {
      end();
      busy = false;
    });
    return true;
  };
  return {
    kind,
    cut: (ms) => during(ms, { begin: proxy.freeze, end: proxy.thaw }),
    spoil: (fault, { share, ms }) =>
      during(ms, { begin: () => proxy.misbehave({ [fault]: share }), end: () => proxy.misbehave({}) }),
    atPeace: () => !busy,
    counts: proxy.counts,
  };
}
