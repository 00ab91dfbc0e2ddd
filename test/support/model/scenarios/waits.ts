import { type Args, numberOf } from "../marker.ts";
import { bash } from "../reply.ts";
import { finish, type Scenario, type Turn } from "../turn.ts";
import { committing } from "./writes.ts";

/** Scripts whose first tool runs for long, for cancel, timeout and kill; then they write and commit. */
export const waits = {
  /**
   * `beats=N file=NAME until=NAME`: adds a line to heartbeat.txt every 0.1 s until the file `released` is
   * there or N lines are written (default 600). With `once=yes` a step asked for again does not wait again.
   */
  slow: (turn) => {
    if (turn.results.length > 0) return afterwards(turn);
    const beats = turn.args["once"] === "yes" && turn.tries > 0 ? 0 : numberOf(turn.args, "beats", 600);
    return bash(beating(turn.args, beats), "Work for a while");
  },

  /** As `slow`, after starting a daemon in a session of its own: it adds lines to daemon.txt, its pid is in daemon.pid. */
  "detached-child": (turn) => {
    if (turn.results.length > 0) return afterwards(turn);
    const beats = numberOf(turn.args, "beats", 600);
    return bash(`${daemon(beats)}; ${beating(turn.args, beats)}`, "Start a daemon and work for a while");
  },

  /** Hangs in its first tool, without a word and without work, or with `always=yes` in each; then it says that it went on. */
  hangs: ({ args, ...turn }) =>
    turn.results.length === 0 || args["always"] === "yes"
      ? bash("sleep 600", "Wait for nothing")
      : finish("Went on.")({ args, ...turn }),

  /** `times=N file=NAME`: the same command again and again, with the same result; then it ends. */
  circle: (turn) =>
    turn.results.length < numberOf(turn.args, "times", 1_000)
      ? bash(`echo hello > ${turn.args["file"] ?? "circle.txt"}; echo the same`, `Try ${turn.results.length + 1}`)
      : finish("Out of the circle.")(turn),
} as const satisfies Record<string, Scenario>;

/** The steps after the first one are those of write-commit. */
const afterwards = (turn: Turn) =>
  committing({ file: "slow.txt", content: "done in the end" }, { ...turn, results: turn.results.slice(1) });

const beating = (args: Args, beats: number): string => {
  const until = args["until"] ?? "released";
  const beat = `i=$((i+1)); echo "beat $i" >> ${args["file"] ?? "heartbeat.txt"}; sleep 0.1`;
  return `i=0; while [ "$i" -lt ${beats} ] && [ ! -e ${until} ]; do ${beat}; done; echo "beats: $i"`;
};

/**
 * Its parent ends at once, so that it belongs to init: 2.1.330 ends all descendants of a shell, whatever their
 * session. It ends by itself after as many beats, so that a failing test leaves nothing behind for long.
 */
const daemon = (beats: number): string => {
  const loop = `i=0; while [ "$i" -lt ${beats} ]; do i=$((i+1)); echo "$i" >> daemon.txt; sleep 0.1; done`;
  return `(setsid sh -c 'echo $$ > daemon.pid; ${loop}' </dev/null >/dev/null 2>&1 &)`;
};
