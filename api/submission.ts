import { checkBaseRef } from "../shared/base-ref.ts";
import { iso } from "../shared/clock.ts";
import { AppError } from "../shared/error.ts";
import type { Job, JobId, JobRequest } from "../shared/job.ts";
import { checkReceiver } from "../shared/notify/receivers.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import { parseRepoUrl, type RepoAddress } from "../shared/repo-url.ts";
import type { ApiSettings } from "./deps.ts";
import type { Route } from "./route.ts";

/** A request that may be queued: defaults filled in, routed, its repository and profile known to be allowed. */
export type Submission = Readonly<{
  request: Omit<JobRequest, "profile" | "max_attempts"> & Readonly<{ profile: string; max_attempts: number }>;
  routed: Pick<Job, "routed_by" | "route_reason">;
  repo?: RepoAddress;
}>;

/** The repository that it names, if any; whom it notifies is checked too. @throws AppError `invalid_request`, `repo_not_allowed`, each with the field. */
export function checkPlace(
  request: Pick<JobRequest, "repo_url" | "base_ref" | "notify_url">,
  settings: ApiSettings,
): RepoAddress | undefined {
  const repo = request.repo_url === undefined ? undefined : allowedRepo(request.repo_url, settings);
  if (request.base_ref !== undefined) checkBaseRef(request.base_ref);
  if (request.notify_url !== undefined) checkReceiver(request.notify_url, settings.receivers ?? nobody);
  return repo;
}

type Known = Readonly<{
  settings: ApiSettings;
  profiles: readonly ProfileSummary[];
  repo: RepoAddress | undefined;
  route: Route;
}>;

/** @throws AppError `profile_not_found`, `profile_invalid`, each with the field. */
export function planSubmission(request: JobRequest, { settings, profiles, repo, route }: Known): Submission {
  const { profile, ...routed } = route;
  checkProfile(route, profiles);
  return {
    request: { ...request, profile, max_attempts: request.max_attempts ?? settings.maxAttempts },
    routed,
    ...(repo ? { repo } : {}),
  };
}

const nobody = { allowed: [], hasSecret: false } as const;

function allowedRepo(url: string, settings: ApiSettings): RepoAddress {
  const repo = parseRepoUrl(url);
  if (settings.isRepoAllowed(repo)) return repo;
  throw new AppError("repo_not_allowed", `The repository ${repo.canonical} is not on the list of allowed ones.`, {
    errors: [{ path: "repo_url", message: "is not allowed here" }],
  });
}

/** Never silently another profile, also where a rule or the default names it. */
function checkProfile({ profile: name, routed_by, route_reason }: Route, profiles: readonly ProfileSummary[]): void {
  const found = profiles.find((profile) => profile.name === name);
  const by = routed_by === "request" ? "" : ` It was chosen because ${route_reason}.`;
  if (!found) {
    const names = profiles.map((profile) => profile.name).join(", ") || "none";
    throw new AppError("profile_not_found", `There is no profile named ${name}; there are: ${names}.${by}`, {
      errors: [{ path: "profile", message: `must be one of: ${names}` }],
    });
  }
  if (found.error !== undefined)
    throw new AppError("profile_invalid", `The profile ${name} cannot be used: ${found.error}${by}`, {
      errors: [{ path: "profile", message: found.error }],
    });
}

export type Birth = Readonly<{ id: JobId; now: number; mode: Job["mode"]; ttlSeconds: number }>;

/** The job as it enters the queue. */
export function newJob({ request, routed }: Submission, { id, now, mode, ttlSeconds }: Birth): Job {
  return {
    id,
    kind: "task",
    ...request,
    ...routed,
    status: "queued",
    mode,
    attempt: 0,
    attempts: [],
    created_at: iso(now),
    ttl_seconds: ttlSeconds,
  };
}
