import { z } from "zod";
import type { GithubContext, Routes } from "./api.ts";
import { badCredentials, notFound, unprocessable } from "./refusals.ts";
import { anApp, anInstallation, aRepository, type Schemas } from "./shapes.ts";
import { type App, findRepo, type Permissions } from "./state.ts";

const Ask = z.looseObject({
  repositories: z.array(z.string()).optional(),
  permissions: z.record(z.string(), z.enum(["read", "write"])).optional(),
});
const page = "apps/apps";

/** GitHub Apps: what they are, where they are installed, and their tokens. */
export const appRoutes: Routes = (app, state) => {
  app.get("/app", (c) => c.json(anApp(asApp(c), c.var.api)));
  app.get("/app/installations", (c) => c.json([anInstallation(asApp(c), c.var.api)]));
  app.get("/app/installations/:id", (c) => c.json(anInstallation(ownInstallation(c), c.var.api)));
  app.get("/repos/:owner/:repo/installation", (c) => {
    const self = asApp(c);
    const repo = findRepo(state, c.req.param("owner"), c.req.param("repo"));
    const isIncluded = repo?.owner === self.owner && (self.repositories?.includes(repo.name) ?? true);
    if (!isIncluded) throw notFound(`${page}#get-a-repository-installation-for-the-authenticated-app`);
    return c.json(anInstallation(self, c.var.api));
  });
  app.post("/app/installations/:id/access_tokens", async (c) => {
    const self = ownInstallation(c);
    if (self.suspendedAt !== null) return c.json({ message: "This installation has been suspended" }, 403);
    const here = `${page}#create-an-installation-access-token-for-an-app`;
    const all = state.repos.filter(({ owner }) => owner === self.owner).map(({ name }) => name);
    const may = self.repositories ?? all;
    const { repositories = may, permissions = self.permissions } = Ask.parse(await c.req.json());
    if (repositories.some((name) => !may.includes(name)))
      throw unprocessable(
        here,
        "There is at least one repository that does not exist or is not accessible to the parent installation.",
      );
    if (Object.entries(permissions).some(([name, level]) => !isGranted(self.permissions[name], level)))
      throw unprocessable(here, "The permissions requested are not granted to this installation.");
    const token = state.mint("ghs", { kind: "installation", app: self, repositories, permissions }, self.tokenMs);
    state.minted.push({ token, repositories, permissions });
    const answer: Schemas["installation-token"] = {
      token,
      expires_at: new Date(state.now() + self.tokenMs).toISOString().replace(/\.\d+Z$/, "Z"),
      permissions: { ...permissions, metadata: "read" },
      repository_selection: "selected",
      repositories: repositories.flatMap((name) => {
        const repo = findRepo(state, self.owner, name);
        return repo ? [aRepository(repo, c.var.api)] : [];
      }),
    };
    return c.json(answer, 201);
  });
};

const isGranted = (have: Permissions[string] | undefined, wanted: string): boolean =>
  have === "write" || (have === "read" && wanted === "read");

/** @throws HTTPException 401 */
function asApp(c: GithubContext): App {
  if (c.var.actor?.kind !== "app") throw badCredentials();
  return c.var.actor.app;
}

/** @throws HTTPException 404 */
function ownInstallation(c: GithubContext): App {
  const app = asApp(c);
  if (String(app.installationId) !== c.req.param("id"))
    throw notFound(`${page}#get-an-installation-for-the-authenticated-app`);
  return app;
}
