import type { Cluster } from "./cluster.ts";
import type { Fault } from "./schedule.ts";

/** Does it. @returns false where there was nothing to do it to at that moment. */
export function inflict({ kind, choice, forMs }: Fault, cluster: Cluster): boolean {
  const box = chosen(cluster.runners, choice);
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
      return kill9(chosen(cluster.jobProcesses().wardens, choice));
    case "Claude killed":
      return kill9(chosen(cluster.jobProcesses().claudes, choice));
    case "API killed":
      return chosen(cluster.apis, choice)?.kept.kill({ awayMs: forMs }) ?? false;
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
