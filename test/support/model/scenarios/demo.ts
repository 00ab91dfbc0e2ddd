import { join } from "node:path";
import { bash, type Message } from "../reply.ts";
import { finish, type Scenario, script } from "../turn.ts";

const greeting = 'echo "Hello, $' + '{1:-world}!"';
const check = 'test "$(sh greet.sh Ada)" = "Hello, Ada!" || exit 1';

/** The small project that the demo's script works on: file names and contents. */
export const demoProject: Readonly<Record<string, string>> = {
  "README.md": "# greet\n\n`sh greet.sh [NAME]` greets somebody, or the world.\n",
  "greet.sh": `#!/bin/sh\n# Greets the one named, or the world.\n${greeting}\n`,
  "test.sh": `#!/bin/sh\n# Exits with 0 when greet.sh does what it promises.\n${check}\necho "all is well"\n`,
};

/** What a person would ask for there. */
export const demoTask = "Add an option --bye to greet.sh that says goodbye instead, and test it.";

/** Reads, edits, runs the project's test, commits. */
export const demo = {
  demo: (turn) => {
    const path = (file: string) => join(turn.cwd, file);
    return script(
      reads("I'll look at the script first.", path("greet.sh")),
      edits("Now the option.", path("greet.sh"), { from: greeting, to: bye }),
      reads("The test should cover it too.", path("test.sh")),
      edits("One more check.", path("test.sh"), { from: check, to: `${check}\n${byeCheck}` }),
      bash("sh test.sh", "Run the test"),
      bash("git add greet.sh test.sh", "Stage both files"),
      bash("git commit -q -m 'feat: greet.sh --bye says goodbye'", "Commit"),
      finish("greet.sh knows --bye now; test.sh checks it and passes. Both are committed."),
    )(turn);
  },
} as const satisfies Record<string, Scenario>;

const bye = `word=Hello
if [ "$1" = "--bye" ]; then
  word=Goodbye
  shift
fi
${greeting.replace("Hello", "$word")}`;
const byeCheck = 'test "$(sh greet.sh --bye Ada)" = "Goodbye, Ada!" || exit 1';

const reads = (say: string, file_path: string): Message => ({
  kind: "message",
  say,
  use: { name: "Read", input: { file_path } },
});
const edits = (say: string, file_path: string, { from, to }: Readonly<{ from: string; to: string }>): Message => ({
  kind: "message",
  say,
  use: { name: "Edit", input: { file_path, old_string: from, new_string: to } },
});
