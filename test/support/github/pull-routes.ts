import { z } from "zod";
import type { GithubContext, Routes } from "./api.ts";
import { aPull, aPullRow, commitOf, commitsBetween } from "./pull-shape.ts";
import { invalid, notAccessible, notFound, unprocessable } from "./refusals.ts";
import { seenRepo } from "./repo-routes.ts";
import { slugOf } from "./shapes.ts";
import type { Actor, Pull, Repo, State } from "./state.ts";

const Create = z.looseObject({
  title: z.string().min(1),
  head: z.string(),
  base: z.string(),
  body: z.string().optional(),
  draft: z.boolean().default(false),
});
const Update = z
  .looseObject({ title: z.string(), body: z.string(), state: z.enum(["open", "closed"]), base: z.string() })
  .partial();
const Review = z.looseObject({
  reviewers: z.array(z.string()).default([]),
  team_reviewers: z.array(z.string()).default([]),
});

const pages = {
  create: "pulls/pulls#create-a-pull-request",
  list: "pulls/pulls#list-pull-requests",
  get: "pulls/pulls#get-a-pull-request",
  update: "pulls/pulls#update-a-pull-request",
  review: "pulls/review-requests#request-reviewers-for-a-pull-request",
} as const;

/** Pull requests of branches of the same repository. */
export const pullRoutes: Routes = (app, state) => {
  app.get("/repos/:owner/:repo/pulls", (c) => {
    const { repo } = seenRepo(c, state, pages.list);
    const { state: wanted = "open", head, base } = c.req.query();
    const found = repo.pulls
      .filter((pull) => wanted === "all" || pull.state === wanted)
      .filter((pull) => head === undefined || head === `${repo.owner}:${pull.head}`)
      .filter((pull) => base === undefined || base === pull.base);
    return c.json(found.toReversed().map((pull) => aPullRow(pull, repo, c.var.api)));
  });
  app.post("/repos/:owner/:repo/pulls", async (c) => {
    const repo = proposable(c, state, pages.create);
    const asked = Create.parse(await c.req.json());
    const pull = created(repo, asked, { by: nameOf(c.var.actor), at: state.iso() });
    return c.json(aPull(pull, repo, c.var.api), 201);
  });
  app.get("/repos/:owner/:repo/pulls/:number", (c) => {
    const { repo } = seenRepo(c, state, pages.get);
    return c.json(aPull(pullOf(c, repo, pages.get), repo, c.var.api));
  });
  app.patch("/repos/:owner/:repo/pulls/:number", async (c) => {
    const repo = proposable(c, state, pages.update);
    const pull = pullOf(c, repo, pages.update);
    Object.assign(pull, Update.parse(await c.req.json()));
    return c.json(aPull(pull, repo, c.var.api));
  });
  app.post("/repos/:owner/:repo/pulls/:number/requested_reviewers", async (c) => {
    const repo = proposable(c, state, pages.review);
    const pull = pullOf(c, repo, pages.review);
    const { reviewers, team_reviewers } = Review.parse(await c.req.json());
    const isStranger =
      reviewers.some((name) => !repo.people.has(name)) || team_reviewers.some((name) => !repo.teams.has(name));
    if (isStranger)
      throw unprocessable(
        pages.review,
        `Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the ${repo.owner}/${repo.name} repository.`,
      );
    pull.reviewers.push(...reviewers);
    pull.teams.push(...team_reviewers);
    return c.json(aPullRow(pull, repo, c.var.api), 201);
  });
};

function created(repo: Repo, asked: z.infer<typeof Create>, { by, at }: Readonly<{ by: string; at: string }>): Pull {
  const { title, body = null, draft, base } = asked;
  const head = asked.head.replace(`${repo.owner}:`, "");
  const resource = "PullRequest";
  if (commitOf(repo, base) === undefined) throw invalid(pages.create, { resource, field: "base", code: "invalid" });
  if (commitOf(repo, head) === undefined) throw invalid(pages.create, { resource, field: "head", code: "invalid" });
  if (repo.pulls.some((pull) => pull.state === "open" && pull.head === head && pull.base === base)) {
    const message = `A pull request already exists for ${repo.owner}:${head}.`;
    throw invalid(pages.create, { resource, code: "custom", message });
  }
  if (commitsBetween(repo, base, head) === 0)
    throw invalid(pages.create, { resource, code: "custom", message: `No commits between ${base} and ${head}` });
  if (draft && !repo.hasDrafts)
    throw unprocessable(pages.create, "Draft pull requests are not supported in this repository.");
  const pull: Pull = {
    ...{ number: repo.pulls.length + 1, head, author: by, createdAt: at, base, title, body, draft, state: "open" },
    ...{ mergedAt: null, labels: [], reviewers: [], teams: [], comments: [] },
  };
  repo.pulls.push(pull);
  return pull;
}

/** @throws HTTPException 404 where nothing may be seen, 403 where it may not be changed. */
function proposable(c: GithubContext, state: State, page: string): Repo {
  const { repo, rights } = seenRepo(c, state, page);
  if (!rights.propose) throw notAccessible(kindOf(c.var.actor), page, "pull_requests=write");
  if (repo.isArchived) throw unprocessable(page, "Repository was archived so is read-only.");
  return repo;
}

/** @throws HTTPException 404 */
export function pullOf(c: GithubContext, repo: Repo, page: string): Pull {
  const pull = repo.pulls.find(({ number }) => String(number) === c.req.param("number"));
  if (!pull) throw notFound(page);
  return pull;
}

export const kindOf = (actor: Actor | undefined) =>
  actor?.kind === "user" ? ("personal access token" as const) : ("integration" as const);

export function nameOf(actor: Actor | undefined): string {
  if (actor?.kind === "user") return actor.login;
  return actor ? `${slugOf(actor.app)}[bot]` : "ghost";
}
