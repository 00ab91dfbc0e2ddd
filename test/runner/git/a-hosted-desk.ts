import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RepoOptions } from "../../../runner/git/repo-box.ts";
import type { Worktree } from "../../../runner/git/worktree.ts";
import { type GitServer, gitServer } from "../../support/git-server.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, type Desk, never } from "./a-desk.ts";

/** Leaves a file in the tree and commits it. */
export async function work(desk: Desk, tree: Worktree, text = "work\n"): Promise<string> {
  writeFileSync(join(tree.path, "work.txt"), text);
  const left = await desk.repos.commitLeftovers(tree, "work", never());
  return left.commit ?? "";
}

export const login = { username: "x-access-token", password: "s3cret-token" };

export type Hosted = Readonly<{ desk: Desk; server: GitServer; hosted: (...args: readonly string[]) => string }> &
  AsyncDisposable;

/** A repository behind a server that wants a login. */
export async function hostedDesk(more: Partial<RepoOptions> = {}): Promise<Hosted> {
  const desk = await aDesk({ credentials: async () => login, ...more });
  desk.repo.git("clone", "-q", "--bare", desk.repo.path, join(desk.path, "served/src.git"));
  const hosted = gitIn(join(desk.path, "served/src.git"));
  hosted("config", "http.receivepack", "true");
  const server = await gitServer({ root: join(desk.path, "served"), login });
  const end = async () => {
    await server[Symbol.asyncDispose]();
    await desk[Symbol.asyncDispose]();
  };
  return { desk, server, hosted, [Symbol.asyncDispose]: end };
}
