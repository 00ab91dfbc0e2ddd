import type { GithubContext, Routes } from "./api.ts";
import { notFound } from "./refusals.ts";
import { type RepoRights, rightsOf } from "./rights.ts";
import { aFullRepository, aUser, type Schemas } from "./shapes.ts";
import { findRepo, type Repo, type State } from "./state.ts";

/** Repositories, and who somebody is. */
export const repoRoutes: Routes = (app, state) => {
  app.get("/repos/:owner/:repo", (c) => {
    const { repo, rights } = seenRepo(c, state, "repos/repos#get-a-repository");
    const { actor } = c.var;
    // Of an installation GitHub says nothing true here.
    const role = actor?.kind === "user" ? repo.people.get(actor.login) : undefined;
    const permissions = actor && {
      ...{ admin: role === "admin", maintain: role === "admin", push: role === "push" || role === "admin" },
      ...{ triage: role !== undefined && role !== "pull", pull: rights.see },
    };
    return c.json(aFullRepository(repo, c.var.api, permissions));
  });
  app.get("/user", (c) => {
    const { actor, api } = c.var;
    if (actor?.kind === "user") return c.json(aUser(actor.login, api));
    const body: Schemas["basic-error"] = { message: "Resource not accessible by integration", status: "403" };
    return c.json(body, 403);
  });
};

/** The repository of the path, with what may be done. @throws HTTPException 404 where it may not even be seen. */
export function seenRepo(c: GithubContext, state: State, page: string): Readonly<{ repo: Repo; rights: RepoRights }> {
  const repo = findRepo(state, c.req.param("owner") ?? "", c.req.param("repo") ?? "");
  const rights = repo && rightsOf(c.var.actor, repo);
  if (!repo || !rights?.see) throw notFound(page);
  return { repo, rights };
}
