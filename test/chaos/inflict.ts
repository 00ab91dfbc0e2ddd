import type { Box } from "./boxes.ts";
import type { JobProcesses } from "./job-processes.ts";
import type { Kept } from "./keep-process.ts";
import type { KeptRedis } from "./kept-redis.ts";
import type { Fault } from "./schedule.ts";

/** Whom a fault may hit; what a run does not have is not hit. */
export type Victims = Readonly<{
  runners: readonly Pick<Box, "kept" | "shiftClock">[];
  apis?: readonly Readonly<{ kept: Kept }>[];
  redis?: KeptRedis;
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
    default:
      return false;
  }
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
