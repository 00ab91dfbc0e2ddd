import type { LinkFault } from "../support/fault-plan.ts";
import type { Box } from "./boxes.ts";
import type { JobProcesses } from "./job-processes.ts";
import type { Kept } from "./keep-process.ts";
import type { KeptRedis } from "./kept-redis.ts";
import type { Link } from "./link.ts";
import type { Fault } from "./schedule.ts";

/** Whom a fault may hit; what a run does not have is not hit. */
export type Victims = Readonly<{
  runners: readonly Pick<Box, "kept" | "shiftClock">[];
  apis?: readonly Readonly<{ kept: Kept }>[];
  redis?: KeptRedis;
  bridge?: Kept;
  links?: readonly Link[];
  jobProcesses: () => JobProcesses;
}>;

/** Does it. @returns false where there was nothing to do it to at that moment. */
export function inflict({ kind, choice, forMs }: Fault, victims: Victims): boolean {
  const box = chosen(victims.runners, choice);
  switch (kind) {
    case "runner killed":
      return box?.kept.kill({ awayMs: forMs }) ?? false;
    case "runner's group killed":
      return box?.kept.kill({ awayMs: forMs, group: true }) ?? false;
    case "runner stopped":
      return box?.kept.pause(forMs) ?? false;
    case "runner's clock jumps":
      return jump(box?.shiftClock, choice);
    case "runner drained":
      return box?.kept.drain({ awayMs: forMs }) ?? false;
    case "runner drained, then stopped":
      return box?.kept.drain({ awayMs: 250, againMs: forMs }) ?? false;
    case "warden killed":
      return kill9(chosen(victims.jobProcesses().wardens, choice));
    case "Claude killed":
      return kill9(chosen(victims.jobProcesses().claudes, choice));
    case "API killed":
      return chosen(victims.apis ?? [], choice)?.kept.kill({ awayMs: forMs }) ?? false;
    case "Redis killed":
      return victims.redis?.kill(forMs) ?? false;
    case "Redis stopped":
      return victims.redis?.pause(forMs) ?? false;
    case "bridge killed":
      return victims.bridge?.kill({ awayMs: forMs }) ?? false;
    case "link cut":
    case "link cut for a moment":
      return chosen(victims.links ?? [], choice)?.cut(forMs) ?? false;
    default:
      return spoil(victims.links ?? [], { choice, ms: forMs, ...spoiling[kind] });
  }
}

type Spoiling = Readonly<{ fault: LinkFault; share: number; onlyHttp?: boolean }>;

const spoiling = {
  "link loses requests": { fault: "lose-request", share: 0.2 },
  "link loses replies": { fault: "lose-reply", share: 0.2 },
  "link answers 429": { fault: "429", share: 0.5, onlyHttp: true },
  "link answers 500": { fault: "500", share: 0.5, onlyHttp: true },
  "link answers with HTML": { fault: "502", share: 0.5, onlyHttp: true },
  "link is slow": { fault: "slow", share: 0.3 },
} as const satisfies Readonly<Record<string, Spoiling>>;

function spoil(
  links: readonly Link[],
  { choice, ms, fault, share, onlyHttp = false }: Spoiling & Readonly<{ choice: number; ms: number }>,
): boolean {
  const able = onlyHttp ? links.filter(({ kind }) => kind === "http") : links;
  return chosen(able, choice)?.spoil(fault, { share, ms }) ?? false;
}

const chosen = <T>(items: readonly T[], choice: number): T | undefined => items[Math.floor(choice * items.length)];

/** Two hours at most, in either direction. */
function jump(shift: ((seconds: number) => void) | undefined, choice: number): boolean {
  shift?.(Math.round((((choice * 1_000) % 1) - 0.5) * 4 * 3_600));
  return shift !== undefined;
}

function kill9(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // it has just ended by itself
  }
}
