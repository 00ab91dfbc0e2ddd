import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { appRoutes } from "./app-routes.ts";
import { issueRoutes } from "./issue-routes.ts";
import { appOf } from "./jwt.ts";
import { pullRoutes } from "./pull-routes.ts";
import { badCredentials } from "./refusals.ts";
import { repoRoutes } from "./repo-routes.ts";
import type { Actor, State } from "./state.ts";

export type GithubEnv = { Variables: { actor: Actor | undefined; api: string } };
export type GithubContext = Context<GithubEnv>;
export type Routes = (app: Hono<GithubEnv>, state: State) => void;

/** GitHub's REST API over the state, below `prefix`; `origin` is where it is reached. */
export function githubApi(state: State, { prefix, origin }: Readonly<{ prefix: string; origin: () => string }>) {
  const app = new Hono<GithubEnv>().basePath(prefix);
  app.use(async (c, next) => {
    const path = c.req.path.slice(prefix.length);
    const token = /^(?:token|bearer) (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const fault = state.faults.find(({ times, fits }) => times > 0 && fits(c.req.method, path));
    if (fault) fault.times -= 1;
    const actor = token === undefined ? undefined : actorOf(state, token);
    if (!fault || fault.after) {
      c.set("api", `${origin()}${prefix}`);
      c.set("actor", actor instanceof HTTPException ? undefined : actor);
      if (actor instanceof HTTPException) c.res = actor.getResponse();
      else await next();
    }
    const hold = state.holds.find(({ fits }) => fits(c.req.method, path));
    hold?.reached();
    await hold?.released;
    if (fault) c.res = Response.json(fault.body, { status: fault.status, headers: fault.headers() });
    c.header("date", new Date(state.now()).toUTCString());
    c.header("x-github-media-type", "github.v3; format=json");
    if (!fault) for (const [name, value] of Object.entries(limits(state))) c.header(name, value);
    if (actor && "scopes" in actor && actor.scopes) c.header("x-oauth-scopes", actor.scopes.join(", "));
    state.seen.push({ method: c.req.method, path, status: c.res.status, token });
  });
  for (const add of [repoRoutes, pullRoutes, issueRoutes, appRoutes]) add(app, state);
  app.onError((error, c) =>
    error instanceof HTTPException ? error.getResponse() : c.json({ message: `stand-in: ${error.stack}` }, 500),
  );
  return app;
}

/** Who shows this token, or why it is refused. */
const actorOf = (state: State, token: string): Actor | HTTPException =>
  (token.startsWith("ey") ? appOf(state, token) : state.actorOf(token)) ?? badCredentials();

const limits = (state: State) => ({
  "x-ratelimit-limit": "5000",
  "x-ratelimit-remaining": "4999",
  "x-ratelimit-reset": String(Math.floor(state.now() / 1000) + 3600),
});
