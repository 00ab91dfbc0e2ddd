import { z } from "zod";
import type { Routes } from "./api.ts";
import { kindOf, nameOf, pullOf } from "./pull-routes.ts";
import { notAccessible } from "./refusals.ts";
import { seenRepo } from "./repo-routes.ts";
import { aLabel, aUser, nodeId, type Schemas } from "./shapes.ts";

const Labels = z.looseObject({ labels: z.array(z.string()).min(1) });
const Comment = z.looseObject({ body: z.string().min(1) });

/** Labels and comments of a pull request, which is an issue too. */
export const issueRoutes: Routes = (app, state) => {
  app.post("/repos/:owner/:repo/issues/:number/labels", async (c) => {
    const page = "issues/labels#add-labels-to-an-issue";
    const { repo, rights } = seenRepo(c, state, page);
    if (!rights.write("issues")) throw notAccessible(kindOf(c.var.actor), page, "issues=write; pull_requests=write");
    const pull = pullOf(c, repo, page);
    const { labels } = Labels.parse(await c.req.json());
    for (const label of labels) {
      repo.labels.add(label);
      if (!pull.labels.includes(label)) pull.labels.push(label);
    }
    const answer: Schemas["label"][] = pull.labels.map((label) => aLabel(label, repo, c.var.api));
    return c.json(answer);
  });
  app.post("/repos/:owner/:repo/issues/:number/comments", async (c) => {
    const page = "issues/comments#create-an-issue-comment";
    const { repo, rights } = seenRepo(c, state, page);
    if (!rights.write("issues")) throw notAccessible(kindOf(c.var.actor), page, "issues=write; pull_requests=write");
    const pull = pullOf(c, repo, page);
    const { body } = Comment.parse(await c.req.json());
    const author = nameOf(c.var.actor);
    pull.comments.push({ author, body });
    const id = repo.id * 1000 + pull.comments.length;
    const path = `${c.var.api}/repos/${repo.owner}/${repo.name}/issues`;
    const comment: Schemas["issue-comment"] = {
      ...{ id, node_id: nodeId("IC", String(id)), url: `${path}/comments/${id}`, html_url: `${path}#${id}`, body },
      ...{ user: aUser(author, c.var.api), created_at: state.iso(), updated_at: state.iso() },
      ...{ issue_url: `${path}/${pull.number}`, author_association: "CONTRIBUTOR" },
    };
    return c.json(comment, 201);
  });
};
