import { join } from "node:path";
import { type Args, numberOf } from "../marker.ts";
import { bash, type Message, say } from "../reply.ts";
import { finish, type Scenario, script, type Turn } from "../turn.ts";

/** Scripts that change files; each step is done once, also over a resumed session. */
export const writes = {
  /** Without a marker: writes the task into a file and commits it, or just answers where it cannot. */
  default: (turn) => {
    const able = turn.tools.includes("Write") && turn.tools.includes("Bash");
    if (!able) return finish("This is a scripted model; it read the task and changed nothing.")(turn);
    const file = "SCRIPTED.md";
    const content = `# Written by a scripted model\n\nThe task was:\n\n${quoted(turn.prompt)}\n`;
    return committing({ file, content, message: "docs: add the task's text" }, turn);
  },

  /** `file= content= message=`: Write, `git add`, `git commit`. */
  "write-commit": (turn) => committing(turn.args, turn),

  /** `file= content=`: writes and does not commit. */
  "leave-uncommitted": (turn) =>
    script(write(turn, turn.args), finish(`Wrote ${fileOf(turn.args)} and did not commit it.`))(turn),

  /** `turns=N pause=SECONDS`: as many Bash calls, each adding its number to turns.txt. */
  "many-turns": (turn) => {
    const turns = numberOf(turn.args, "turns", 5);
    const number = turn.results.length + 1;
    if (number > turns) return finish(`Took ${turns} turns.`)(turn);
    const pause = numberOf(turn.args, "pause", 0);
    return bash(`echo ${number} >> turns.txt${pause > 0 ? `; sleep ${pause}` : ""}`, `Turn ${number} of ${turns}`);
  },

  /** `command=TEXT` (without a double quote): runs it in Bash. */
  run: (turn) => script(bash(turn.args["command"] ?? "true", "Run a command"), finish("Ran it."))(turn),

  /** `1=TEXT 2=TEXT …` (without double quotes): runs one after the other, each by a call of its own. */
  commands: (turn) =>
    script(
      ...Object.values(turn.args).map((command, at) => bash(command, `Run command ${at + 1}`)),
      finish("Ran them all."),
    )(turn),

  /** `tool=NAME`, or `command=TEXT` for Bash: asks for what the permissions do not allow, by default a git hook. */
  denied: (turn) => script(forbidden(turn), finish("It was not allowed, so I stopped."))(turn),

  /** Hands a step to a subagent, which answers with a text. */
  subagent: script(
    {
      kind: "message",
      say: "A subagent shall look.",
      use: {
        name: "Agent",
        input: {
          description: "Look around",
          prompt: "Look around. [[scenario:text say=looked]]",
          subagent_type: "general-purpose",
        },
      },
    },
    finish("The subagent has looked."),
  ),
} as const satisfies Record<string, Scenario>;

/** Write, add, commit, a last word. */
export function committing(args: Args, turn: Turn): ReturnType<Scenario> {
  const file = fileOf(args);
  const message = args["message"] ?? `feat: add ${file}`;
  return script(
    write(turn, args),
    bash(`git add -- ${word(file)}`, `Stage ${file}`),
    bash(`git commit -q -m ${word(message)}`, `Commit ${file}`),
    finish(`Committed ${file}.`),
  )(turn);
}

function write({ cwd }: Turn, args: Args): Message {
  const file = fileOf(args);
  const content = args["content"] ?? "hello from the scripted model";
  return {
    kind: "message",
    say: `I'll write ${file}.`,
    use: { name: "Write", input: { file_path: join(cwd, file), content: content.replace(/\n?$/, "\n") } },
  };
}

function forbidden({ args, cwd }: Turn): Message {
  const command = args["command"];
  if (command !== undefined) return bash(command, "Try what is not allowed");
  const file_path = join(cwd, args["file"] ?? ".git/hooks/pre-commit");
  const input = { file_path, content: "#!/bin/sh\necho planted\n" };
  return { ...say("I'll try what is not allowed."), use: { name: args["tool"] ?? "Write", input } };
}

const fileOf = (args: Args): string => args["file"] ?? "hello.txt";
const word = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const quoted = (text: string): string => text.trim().replace(/^/gm, "> ");
