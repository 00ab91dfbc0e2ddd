import { AppError, type ErrorCode } from "../../shared/error.ts";

export type FailureKind =
  | "auth"
  | "redirect"
  | "no-ref"
  | "no-repo"
  | "disk-full"
  | "protocol"
  | "locked"
  | "corrupt"
  | "shallow"
  | "taken"
  | "rejected"
  | "timeout"
  | "late"
  | "too-much-output"
  | "other";

/** A git command that failed, with what its messages mean. `detail` is fit to be shown: one line, bounded. */
export class GitFailure extends Error {
  readonly kind: FailureKind;
  readonly detail: string;
  readonly stderr: string;
  constructor(kind: FailureKind, facts: Readonly<{ command: string; stderr: string; exitCode: number | null }>) {
    const detail = detailOf(facts.stderr) || `git ${facts.command} ended with ${facts.exitCode ?? "a signal"}`;
    super(`git ${facts.command}: ${detail}`);
    this.name = "GitFailure";
    this.kind = kind;
    this.detail = detail;
    this.stderr = facts.stderr;
  }
}

/** First match wins; git speaks English because run-git.ts sets LC_ALL. */
const meanings: readonly (readonly [FailureKind, RegExp])[] = [
  ["disk-full", /No space left on device|Disk quota exceeded|unable to write (?:file|loose object|new index)/i],
  ["protocol", /transport '[^']*' not allowed|protocol '[^']*' is not supported/],
  ["redirect", /returned error: 30[1278]|unable to update url base from redirection/],
  [
    "auth",
    /could not read (?:Username|Password)|Authentication failed|returned error: 40[13]|Permission denied \(|Host key verification failed|terminal prompts disabled|Invalid username or (?:password|token)|Write access to repository not granted|You need to log in/i,
  ],
  [
    "no-ref",
    /couldn't find remote ref|could not find remote ref|not our ref|unadvertised object|does not point to a commit/i,
  ],
  [
    "rejected",
    /\[(?:remote )?rejected\]|pre-receive hook declined|protected branch|failed to push some refs|stale info|refusing to update checked out branch/i,
  ],
  ["shallow", /shallow/],
  ["locked", /Unable to create '[^']*\.lock'|cannot lock ref|could not lock config file|unable to lock/i],
  [
    "no-repo",
    /does not appear to be a git repository|repository '[^']*' (?:not found|does not exist)|Repository not found|project you were looking for could not be found|no such path|dubious ownership/i,
  ],
  ["taken", /already exists|is already checked out|already used by worktree/],
  [
    "corrupt",
    /bad object|corrupt|not a valid branch point|object directory .* does not exist|index file .* (?:is )?(?:too )?small|inflate|object file .* is empty|loose object .* (?:is|cannot)|unable to read (?:tree|sha1|\w{40})|missing (?:blob|tree|commit)|not a git repository|packfile .* (?:is|cannot|does)|bad (?:config|tree|signature)|invalid (?:index-pack|object)|unable to parse object|did not send all necessary objects|could not (?:parse|read) (?:object|\w{40})|Could not parse object|fatal: invalid reference/i,
  ],
];

/** What the messages of a failed git mean. */
export const kindOf = (stderr: string): FailureKind => meanings.find(([, text]) => text.test(stderr))?.[0] ?? "other";

/** The last lines that say something, without control characters, at most 400 characters. */
function detailOf(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.replace(/\p{C}/gu, "").trim())
    .filter((line) => line !== "" && !/^(?:hint:|remote:\s*$|Please make sure|and the repository exists)/.test(line));
  const told = lines.filter((line) => /^(?:fatal|error|remote|warning| ?!)/.test(line));
  return (told.length > 0 ? told : lines).slice(-3).join("; ").slice(0, 400);
}

type Facts = Readonly<{ otherwise: ErrorCode; where: string }>;

/** A failure as the user is told of it; anything that is no GitFailure passes unchanged. */
export function toGitError(thrown: unknown, { otherwise, where }: Facts): unknown {
  if (!(thrown instanceof GitFailure)) return thrown;
  const { kind, detail } = thrown;
  const say = (code: ErrorCode, sentence: string, remedy?: string) =>
    new AppError(code, `${where}: ${sentence} (${detail})`, {
      cause: thrown,
      ...(remedy === undefined ? {} : { remedy }),
    });
  switch (kind) {
    case "auth":
      return say("auth_failed", "git was not let in");
    case "redirect":
      return say(
        otherwise,
        "the address leads to another one, which is not followed because credentials could leak",
        "Use the address that the server redirects to.",
      );
    case "no-ref":
      return say("ref_not_found", "there is no such branch, tag or commit");
    case "disk-full":
      return say("disk_full", "the disk is full");
    case "protocol":
      return say("repo_not_allowed", "git refused this kind of address");
    case "rejected":
      return say("push_rejected", "the push was not taken");
    case "no-repo":
      if (where.startsWith("push to /"))
        return say(
          otherwise,
          "there is no repository any more",
          "Put the folder back where it was, then retry the job: only the push is done again.",
        );
      if (where.startsWith("/"))
        return say(
          otherwise,
          "this folder is no git repository",
          "Give the folder of a repository, or make one there with `git init` and a first commit.",
        );
      return say(
        otherwise,
        "there is no repository, or it may not be seen with these credentials",
        "Check the address, and that the token may read this repository.",
      );
    case "shallow":
      return say(
        otherwise,
        "the repository is a shallow clone",
        "Run `git fetch --unshallow` in it, or use the address it was cloned from.",
      );
    case "late":
      return say(otherwise, "its time was over");
    case "timeout":
      return say(otherwise, "git took too long");
    case "locked":
    case "corrupt":
    case "taken":
    case "too-much-output":
    case "other":
      return say(otherwise, "git failed");
    default:
      return kind satisfies never;
  }
}
