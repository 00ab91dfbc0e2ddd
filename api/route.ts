import type { Job, JobRequest } from "../shared/job.ts";
import { compilePattern } from "../shared/pattern.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import { namesRepo } from "../shared/repo-allowed.ts";
import type { RepoAddress } from "../shared/repo-url.ts";
import type { RouteRule } from "../shared/route-rule.ts";
import type { ChooseProfile } from "./choose-profile.ts";

/** Which profile a job runs with, who decided, and why. */
export type Route = Readonly<{ profile: string } & Pick<Job, "routed_by" | "route_reason">>;

type Rules = Readonly<{ rules: readonly RouteRule[]; defaultProfile: string; repo: RepoAddress | undefined }>;
type Model = Readonly<{ profiles: readonly ProfileSummary[]; choose: ChooseProfile }>;

/** The profile that was asked for, else that of the first rule that fits, else the default, and why. */
export function routeByRules(request: JobRequest, { rules, defaultProfile, repo }: Rules): Route {
  if (request.profile !== undefined) return { profile: request.profile, routed_by: "request" };
  const index = rules.findIndex((rule) => fits(rule, request, repo));
  const rule = rules[index];
  if (rule) return { profile: rule.profile, routed_by: "rule", route_reason: rule.reason ?? reasonOf(rule, index) };
  const route_reason = rules.length === 0 ? "no profile was asked for" : "no profile was asked for, and no rule fits";
  return { profile: defaultProfile, routed_by: "default", route_reason };
}

/**
 * What the rules say, with the model's choice before the default. Never throws: what the model cannot answer is answered by
 * the default, and the reason says so.
 */
export async function routeByModel(request: JobRequest, ruled: Route, { profiles, choose }: Model): Promise<Route> {
  if (ruled.routed_by !== "default") return ruled;
  const byDefault = (why: string): Route => ({ ...ruled, route_reason: why });
  const usable = profiles.filter(({ error }) => error === undefined);
  if (usable.length < 2) return byDefault("there is no other profile to choose");
  try {
    const { profile, reason } = await choose({
      task: request.task,
      profiles: usable,
      ...(request.repo_url === undefined ? {} : { repo: request.repo_url }),
    });
    return { profile, routed_by: "ai", route_reason: reason };
  } catch (error) {
    return byDefault(`the model that routes did not decide: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function fits({ repo, task, label }: RouteRule, request: JobRequest, address: RepoAddress | undefined): boolean {
  if (repo && !(address && repo.some((pattern) => namesRepo(address, pattern)))) return false;
  if (task !== undefined && !compilePattern(task)(request.task)) return false;
  const given = request.metadata ?? {};
  return Object.entries(label ?? {}).every(([key, value]) => Object.hasOwn(given, key) && given[key] === value);
}

function reasonOf({ repo, task, label }: RouteRule, index: number): string {
  const labels = Object.entries(label ?? {}).map(([key, value]) => `${key}=${value}`);
  const facts = [
    ...(repo ? [`the repository is ${repo.join(" or ")}`] : []),
    ...(task === undefined ? [] : [`the task has /${task}/`]),
    ...(label ? [`the label is ${labels.join(", ")}`] : []),
  ];
  return `rule ${index + 1}: ${facts.join(", ")}`;
}
