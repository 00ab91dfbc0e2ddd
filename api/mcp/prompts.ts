import {
  type GetPromptResult,
  type ListPromptsResult,
  ProtocolError,
  ProtocolErrorCode,
} from "@modelcontextprotocol/server";

type Args = Readonly<Record<string, string>>;
type Argument = Readonly<{ name: string; description: string; required: boolean }>;
type Prompt = Readonly<{
  name: string;
  title: string;
  description: string;
  arguments: readonly Argument[];
  text: (args: Args) => string;
}>;

const argument = (name: string, description: string, required = false): Argument => ({ name, description, required });

/** What people choose from a menu of their client, to have an agent use this server well. */
const prompts: readonly Prompt[] = [
  {
    name: "write_task",
    title: "Write a good task",
    description: "Turn a wish into a task that Claude Code can finish alone, and submit it.",
    arguments: [
      argument("goal", "What is wanted, in your own words.", true),
      argument("repo_url", "The repository to work in."),
    ],
    text: ({ goal = "", repo_url }) =>
      `Write a task for run_task from this wish, then submit it${repo_url ? ` with repo_url ${repo_url}` : ""}:

${goal}

Whoever does it sees the repository and the task, and cannot ask. So the task says:
- what is to be different afterwards, and for whom; one change, not several
- where to look: files, names, error messages that are known
- how to tell that it is done: the command that must pass, the behaviour that must be seen
- what must stay as it is

Leave out how to do it, unless it matters. If the wish leaves something open that changes the result, ask me first. Then wait for the job as the server's instructions say, and tell me the pull request or what went wrong.`,
  },
  {
    name: "review_job",
    title: "Review a job's result",
    description: "Read what a job did, judge it, and say what to do next.",
    arguments: [argument("job_id", "The job.", true)],
    text: ({ job_id = "" }) =>
      `Read the job ${job_id} with get_job; if it is live, wait for its end with wait_for_job. Then tell me in a few sentences:
- what was asked and what came of it, with the pull request or branch
- if it failed: the error_code, why, and what the remedy means here
- what is doubtful: warnings, denied permissions, tests that were not run
- what to do next: accept it, run_task again with its session_id and what is to be mended, or leave it`,
  },
];

export const promptList: ListPromptsResult = {
  prompts: prompts.map(({ name, title, description, arguments: takes }) => ({
    ...{ name, title, description },
    arguments: [...takes],
  })),
};

/** @throws ProtocolError -32602 for a prompt that is not there, or an argument that is missing. */
export function getPrompt(name: string, args: Args = {}): GetPromptResult {
  const prompt = prompts.find((candidate) => candidate.name === name);
  if (!prompt) throw wrong(`There is no prompt named ${name.slice(0, 100)}.`);
  const missing = prompt.arguments.find((each) => each.required && !args[each.name]?.trim());
  if (missing) throw wrong(`The prompt ${name} needs the argument ${missing.name}.`);
  return {
    description: prompt.description,
    messages: [{ role: "user", content: { type: "text", text: prompt.text(args) } }],
  };
}

const wrong = (sentence: string) => new ProtocolError(ProtocolErrorCode.InvalidParams, sentence);
