import type { Context } from "hono";
import { html } from "hono/html";
import { isStoreAway } from "../../shared/error.ts";
import type { JobSummary } from "../../shared/job.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { listJobs } from "../jobs.ts";
import { asking } from "../routes/asking.ts";
import { listRunners } from "../runners.ts";
import { type Html, page } from "./page.ts";

/** What this server is and what it has to do: for a person who opens its address. */
export async function homePage(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  const known = listRunners(deps).then(({ length }) => runnersSentence(length));
  const [{ jobs }, runners] = await Promise.all([listJobs(deps, { limit: 20 }, asking(c)), known.catch(awaySentence)]);
  const origin = new URL(c.req.url).origin;
  return page(
    c,
    "Agenticore",
    html`<header><h1>Agenticore</h1>
<p class="soft">Version ${deps.version}. Submit a task, get a pull request.</p></header>
<main>
<p>${runners} <a href="/docs">How to use the API</a> · <a href="/openapi.json">OpenAPI</a> · <a href="/runners">runners</a> · <a href="/profiles">profiles</a> · <a href="/metrics">metrics</a></p>
<h2>Newest jobs</h2>
${jobs.length > 0 ? jobTable(jobs) : firstSteps(origin)}
</main>`,
  );
}

/** @throws what is no outage. */
function awaySentence(thrown: unknown): string {
  if (isStoreAway(thrown)) return "The store cannot be reached: what is here is what was last seen.";
  throw thrown;
}

const runnersSentence = (count: number): string => {
  if (count === 0) return "No runner is connected: jobs wait until one is.";
  return count === 1 ? "One runner is connected." : `${count} runners are connected.`;
};

const firstSteps = (origin: string): Html => html`<p>There are none yet. Submit one:</p>
<pre>agenticore run "Say hello"

curl ${origin}/jobs -H 'Content-Type: application/json' -d '{"task":"Say hello"}'</pre>`;

const jobTable = (jobs: readonly JobSummary[]): Html => html`<div class="wide"><table>
<thead><tr><th scope="col">Job</th><th scope="col">Task</th><th scope="col">State</th><th scope="col">Profile</th><th scope="col">Made</th></tr></thead>
<tbody>${jobs.map(jobRow)}</tbody></table></div>`;

const jobRow = (job: JobSummary): Html => html`<tr>
<td><a href="/jobs/${job.id}"><code>${job.id.slice(0, 8)}</code></a></td>
<td>${shortened(job.task)}${job.repo_url ? html`<br><span class="soft">${job.repo_url}</span>` : ""}</td>
<td><span class="${job.status}">${job.status}</span>${job.phase && job.status === "running" ? ` (${job.phase})` : ""}${
  job.error ? html`<br><span class="soft">${shortened(job.error)}</span>` : ""
}${webLink(job.pr_url)}</td>
<td>${job.profile}</td>
<td><time datetime="${job.created_at}">${job.created_at.slice(0, 16).replace("T", " ")} UTC</time></td></tr>`;

/** Only what a browser opens as a page: the address came over a forge's API. */
const webLink = (url: string | undefined): Html | "" =>
  url && /^https?:\/\//.test(url) ? html`<br><a href="${url}" rel="noreferrer">pull request</a>` : "";

const shortened = (text: string): string => (text.length > 200 ? `${text.slice(0, 199).trimEnd()}…` : text);
