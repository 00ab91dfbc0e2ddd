import type { Actor, Repo } from "./state.ts";

export type RepoRights = Readonly<{ see: boolean; push: boolean; propose: boolean; write: (what: string) => boolean }>;

/** What GitHub lets somebody do with a repository; nobody is who shows no token. */
export function rightsOf(actor: Actor | undefined, repo: Repo): RepoRights {
  const nothing = { see: !repo.isPrivate, push: false, propose: false, write: () => false };
  if (!actor || actor.kind === "app") return nothing;
  if (actor.kind === "installation") {
    const isIncluded = actor.app.owner === repo.owner && actor.repositories.includes(repo.name);
    if (!isIncluded) return nothing;
    const may = (what: string) => actor.permissions[what] === "write";
    return {
      see: true,
      push: may("contents"),
      propose: may("pull_requests"),
      write: (what) => may(what) || may("pull_requests"),
    };
  }
  const role = repo.people.get(actor.login);
  const scope = repo.isPrivate ? ["repo"] : ["repo", "public_repo"];
  const isScoped = actor.scopes === undefined || scope.some((name) => actor.scopes?.includes(name));
  if (repo.isPrivate && (role === undefined || !isScoped)) return nothing;
  const may = (what: string) => actor.permissions === undefined || actor.permissions[what] === "write";
  const canPush = isScoped && (role === "push" || role === "admin");
  return {
    see: true,
    push: canPush && may("contents"),
    propose: canPush && may("pull_requests"),
    write: (what) => canPush && (may(what) || may("pull_requests")),
  };
}
