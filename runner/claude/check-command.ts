/** Of a command line, and of a command in it, this much is looked at. */
const searched = 4_000;
const mostWords = 50;

/** What a command line says of itself. */
export type CommandLine = Readonly<{
  /** It runs tests, a linter or a build. */
  isCheck: boolean;
  /** Its exit status is that of the checks: nothing behind them hides how they ended. */
  tells: boolean;
}>;

/**
 * Whether a line of shell runs a check, by the names that such programs and scripts have. What cannot be known by its words
 * (a script of the repository's own with another name) is none.
 */
export function readCommand(text: string): CommandLine {
  const looked = text.slice(0, searched);
  const steps = stepsOf(withoutHereDocuments(looked));
  const at = steps.findIndex(({ words }) => isCheck(words));
  if (at < 0) return { isCheck: false, tells: false };
  const passedOn = [
    "&&",
    ...(/\bset\s+-[a-z]*e/.test(looked) ? [";", "\n"] : []),
    ...(/\bpipefail\b/.test(looked) ? ["|"] : []),
  ];
  const isHidden = steps.slice(at, -1).some(({ end }) => !passedOn.includes(end));
  return { isCheck: true, tells: !isHidden && steps.at(-1)?.end !== "&" && text.length <= searched };
}

/** A simple command, and what stands behind it. */
type Step = Readonly<{ words: readonly string[]; end: string }>;

/** Words and operators of POSIX's shell, quotes taken off; what is put in by `$(…)` is looked at as words. */
function stepsOf(text: string): readonly Step[] {
  const steps: Step[] = [];
  let words: string[] = [];
  for (const [token, operator, comment] of text.matchAll(tokens)) {
    if (comment !== undefined) continue;
    if (operator === undefined) words.push(token.replace(/\\(.)|["']/gs, "$1"));
    else {
      if (words.length > 0) steps.push({ words, end: operator === "|&" ? "|" : operator });
      words = [];
    }
  }
  return words.length > 0 ? [...steps, { words, end: "" }] : steps;
}

/** An operator, a comment, or a word with its quotes; `2>&1` is a word. */
const tokens =
  /(&&|\|\||\|&|\||;|(?<![<>])&(?!>)|\n|[()])|((?<=^|\s)#[^\n]*)|(?:\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?|[<>]&|&>|[^\s;|&()"'\\])+/g;

/** Their lines are data. */
function withoutHereDocuments(text: string): string {
  let until: string | undefined;
  return text
    .split("\n")
    .filter((line) => {
      if (until === undefined) {
        until = /<<-?\s*["']?(\w+)/.exec(line)?.[1];
        return true;
      }
      if (line.trim() === until) until = undefined;
      return false;
    })
    .join("\n");
}

/** What stands before a program without being one. */
const wrappers =
  /^(?:\w+=.*|npx|bunx|pnpx|time|nice|env|sudo|command|exec|then|do|if|!|\{|poetry|uv|pipenv|hatch|pdm|rye|bundle|dotenv|xvfb-run|stdbuf|timeout|gtimeout|corepack)$/s;

function isCheck(all: readonly string[]): boolean {
  const words = all.slice(0, mostWords);
  let at = 0;
  while (at < words.length && isBefore(words, at)) at += 1;
  const [head = "", ...rest] = words.slice(at);
  const program = head.slice(head.lastIndexOf("/") + 1);
  if (rest.some((word) => word === "--version" || word === "--help")) return false;
  const named = withoutOptions(rest);
  if (ownScript.test(program)) return true;
  const rule = Object.hasOwn(programs, program) ? programs[program] : undefined;
  return rule?.(named, rest) ?? false;
}

function isBefore(words: readonly string[], at: number): boolean {
  const word = words[at] ?? "";
  if (wrappers.test(word)) return true;
  if (at === 0) return false;
  // Options and numbers of a wrapper, and the word `run` or `exec` of a manager.
  return /^-/.test(word) || /^\d+(?:\.\d+)?[smh]?$/.test(word) || /^(?:run|exec)$/.test(word);
}

/** The words that are neither options nor the folders, files and numbers that belong to some. */
const withoutOptions = (words: readonly string[]): readonly string[] =>
  words.filter((word, at) => !/^(?:[-+]|\d+$)/.test(word) && !withValue.test(words[at - 1] ?? ""));
const withValue = /^(?:--prefix|--cwd|--dir|--workspace|--filter|--project|--manifest-path|-C|-w|-F|-f|-p|-s)$/;

type Rule = (named: readonly string[], all: readonly string[]) => boolean;
const always: Rule = () => true;
const verb =
  (...verbs: readonly string[]): Rule =>
  ([given = ""]) =>
    verbs.includes(given);
const has =
  (...options: readonly string[]): Rule =>
  (_, all) =>
    options.some((option) => all.includes(option));
/** A script or target by what such are called: `test:unit`, `build-docs`. */
const script =
  /^(?:tests?|spec|lint|build|check|typecheck|types?|tsc|fmt|format|verify|validate|e2e|unit|integration|coverage|compile|ci)(?:[:_-].*)?$/;
const ownScript = /^(?:run[-_])?(?:tests?|lint|build|check|verify|ci)(?:[-_]\w+)?\.(?:sh|bash|py|js|mjs|cjs|ts|rb|pl)$/;
const manager: Rule = (named) => {
  const [given = "", next = ""] = named;
  if (/^workspaces?$/.test(given)) return named.some((word) => script.test(word));
  if (/^(?:run|run-script|exec|x|dlx)$/.test(given)) return script.test(next) || isCheck(named.slice(1));
  return given === "t" || (script.test(given) && given !== "ci") || isCheck(named);
};
const interpreter: Rule = (named, all) => {
  const [file = ""] = named;
  const module = all.indexOf("-m");
  if (module >= 0) return isCheck(all.slice(module + 1)) || /^(?:unittest|compileall)$/.test(all[module + 1] ?? "");
  const code = all.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (code >= 0) return stepsOf(all[code + 1] ?? "").some(({ words }) => isCheck(words));
  return all.includes("--test") || ownScript.test(file.slice(file.lastIndexOf("/") + 1));
};

const target: Rule = (named) => named.some((word) => script.test(word));
const goal: Rule = (named) => named.some((word) => /^(?:test|verify|package|compile|install|\S+:check)$/.test(word));
const task: Rule = (named) => named.some((word) => /(?:^|:)(?:test|build|check|assemble|lint)\w*$/.test(word));

const everywhere = (names: string): Record<string, Rule> =>
  Object.fromEntries(names.split(" ").map((name) => [name, always]));
const programs: Readonly<Record<string, Rule>> = {
  ...everywhere(
    "vitest jest mocha ava tap tsc tsgo vue-tsc eslint oxlint stylelint xo standard knip pytest py.test tox nox",
  ),
  ...everywhere(
    "mypy pyright basedpyright pylint flake8 golangci-lint staticcheck ctest ninja rspec rubocop phpunit phpstan",
  ),
  ...everywhere("shellcheck hadolint actionlint yamllint markdownlint tflint ktlint swiftlint karma nyc c8"),
  ...Object.fromEntries(["npm", "pnpm", "yarn", "bun"].map((name) => [name, manager])),
  ...Object.fromEntries(["node", "python", "python3", "ruby", "bash", "sh", "tsx"].map((name) => [name, interpreter])),
  deno: (named, all) =>
    verb("test", "lint", "check", "fmt")(named, all) || (named[0] === "task" && script.test(named[1] ?? "")),
  ...Object.fromEntries(["turbo", "nx", "just", "composer", "sbt"].map((name) => [name, target])),
  ...Object.fromEntries(["mvn", "mvnw"].map((name) => [name, goal])),
  ...Object.fromEntries(["gradle", "gradlew"].map((name) => [name, task])),
  biome: verb("check", "lint", "ci", "format"),
  prettier: has("--check", "-c", "--list-different", "-l"),
  black: has("--check"),
  ruff: (named, all) => named[0] === "check" || (named[0] === "format" && all.includes("--check")),
  playwright: verb("test"),
  cypress: verb("run"),
  go: verb("test", "vet", "build"),
  gofmt: has("-l", "-d"),
  cargo: verb("test", "t", "check", "build", "b", "clippy", "fmt", "nextest", "doc"),
  make: (named) => named.length === 0 || named.some((target) => script.test(target) || target === "all"),
  cmake: has("--build"),
  bazel: verb("test", "build"),
  dotnet: verb("test", "build", "format"),
  rails: verb("test"),
  rake: (named) => named.length === 0 || named.some((task) => script.test(task) || task === "default"),
  swift: verb("test", "build"),
  mix: verb("test", "compile", "credo", "dialyzer", "format"),
  zig: verb("test", "build"),
  terraform: verb("validate", "fmt"),
  helm: verb("lint"),
};
