import type { ChildProcess } from "node:child_process";
import { timedLine } from "../process/timed-line.ts";

/** How long a git may live, in milliseconds since boot (`Clock.uptime()`). */
export type Leash = Readonly<{
  until: () => number;
  /** Calls back with each later time. */
  onLonger: (listener: (until: number) => void) => void;
}>;

/**
 * What is put before git's argv so that it ends by itself in time, and with us: a git that changes what others see must not do
 * so any more when this process was stopped, and somebody else has its work. It does not even begin when it is late.
 * Such commands read no input.
 */
export const leashed = ({ until }: Leash): readonly string[] => [
  ...["bash", "--norc", "--noprofile", "-c", script, "bash"],
  String(hundredths(until())),
];

/** Tells the command of every later time. */
export function lengthen({ stdin }: ChildProcess, { onLonger }: Leash): void {
  onLonger((until) => {
    if (stdin?.writable) stdin.write(timedLine(String(hundredths(until))));
  });
}

/** Whether such a command has ended, or did not begin, because its time was over. */
export const isLate = (exitCode: number | null): boolean => exitCode === 75 || exitCode === null;

/** As /proc/uptime counts; rounded down. */
const hundredths = (ms: number): number => Math.max(0, Math.floor(ms / 10));

/**
 * SIGTERM first: then the other side, where it is on this machine, takes its lock files away. What waits does so without
 * a process of its own, on 8, a pipe that nobody writes to: nothing is left behind. What bash says of them goes nowhere.
 */
const script = `exec 9<&0 8<> <(:) 7>&2 2>/dev/null </dev/null
until=$1 line=
shift
late() { local now; read -r now _ </proc/uptime; ((10#\${now/./} >= until)); }
late && exit 75
"$@" 2>&7 7>&- 8>&- 9<&- & git=$!
trap '' TERM
{
  while ! late; do
    IFS= read -r -t 0.25 -u 9 part
    status=$?
    ((status && status <= 128)) && break
    line+=$part
    [[ $status == 0 || $line == *' .' ]] || continue
    [[ $line =~ ^([0-9]+)' .'$ ]] && until=\${BASH_REMATCH[1]}
    line=
  done
  kill -TERM 0
  read -r -t 2 -u 8
  kill -KILL 0
} >/dev/null 7>&- & watch=$!
exec 9<&-
wait "$git"
code=$?
kill -KILL "$watch"
((code == 143)) && code=75
exit "$code"`;
