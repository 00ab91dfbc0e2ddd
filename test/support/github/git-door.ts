import type { IncomingMessage, ServerResponse } from "node:http";
import { serveGit } from "../git-server.ts";
import { rightsOf } from "./rights.ts";
import { type Actor, findRepo, type State } from "./state.ts";

const route = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

/** Whether git asks, for a repository of the state; then it is answered by the real one, to who may. */
export function gitDoor(
  { state, root }: Readonly<{ state: State; root: string }>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
  const [, owner = "", name = "", rest = ""] = route.exec(pathname) ?? [];
  if (rest === "") return false;
  const token = passwordOf(request.headers.authorization);
  const refuse = (status: number, text: string) => {
    note(status);
    const more = status === 401 ? { "www-authenticate": 'Basic realm="GitHub"' } : {};
    response.writeHead(status, { "content-type": "text/plain", ...more }).end(text);
    return true;
  };
  const note = (status: number) =>
    state.seen.push({
      method: request.method ?? "",
      path: `git ${pathname}${searchParams.size ? `?${searchParams}` : ""}`,
      status,
      token,
    });
  const actor = token === undefined ? undefined : state.actorOf(token);
  if (token !== undefined && !actor) return refuse(401, "Invalid username or token.");
  const repo = findRepo(state, owner, name);
  const rights = repo && rightsOf(actor, repo);
  if (!repo || !rights?.see) return actor ? refuse(404, "Repository not found.") : refuse(401, "Who are you?");
  const isPush = rest === "git-receive-pack" || searchParams.get("service") === "git-receive-pack";
  if (isPush && !actor) return refuse(401, "Who are you?");
  if (isPush && repo.isArchived) return refuse(403, "This repository was archived so it is read-only.");
  if (isPush && !rights.push) return refuse(403, `Permission to ${owner}/${name}.git denied to ${loginOf(actor)}.`);
  note(200);
  serveGit({ root, user: loginOf(actor), path: `/${repo.owner}/${repo.name}.git/${rest}` }, request, response);
  return true;
}

/** The user's name is not looked at, as GitHub does not. */
const passwordOf = (header: string | undefined): string | undefined =>
  header?.startsWith("Basic ")
    ? Buffer.from(header.slice(6), "base64").toString().split(":").slice(1).join(":")
    : undefined;

const loginOf = (actor: Actor | undefined): string => (actor?.kind === "user" ? actor.login : "an-app[bot]");
