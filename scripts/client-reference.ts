import { readFileSync } from "node:fs";
import { join } from "node:path";

const sources = join(import.meta.dirname, "../shared/client");

/** The page of the typed client, made of the docstrings of its interface. */
export function clientReference(): string {
  const methods = methodsOf(readFileSync(join(sources, "api-client.ts"), "utf8"));
  return `# The typed client

\`agenticore/client\` is the REST API with types, and what the command line itself uses. It needs nothing but \`fetch\`, so it
works on Node, in browsers ([origins](rest.md#who-may-ask)) and on Workers. Types are inferred from the schemas that the
server checks requests with; answers are checked with the same.

\`\`\`js
import { apiClient, AppError } from "agenticore/client";

const client = apiClient({
  url: process.env.AGENTICORE_URL,
  apiKey: process.env.AGENTICORE_API_KEY, // where the server wants one
  fetch,
});

const { job } = await client.submit({ task: "Add a test for the parser" }, { idempotencyKey: "parser-1" });
for await (const event of client.follow(job.id)) console.log(event.type, event.data);

const ended = await client.job(job.id);
console.log(ended.status, ended.pr_url ?? ended.branch, ended.cost_usd);

try {
  await client.submit({ task: "Try another profile", profile: "no-such-profile" });
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  console.log(error.code, error.message, error.remedy, error.errors);
}
\`\`\`

## In general
- One request per call, but for \`follow\` and \`waitForEnd\`, which go on over lost connections and restarts of
  the server, for hours. Their \`onLost\` is told of each loss; \`onStale\` of \`follow\` when the server's store is away or back.
- A 429 or 503 with \`Retry-After\` is waited for: methods that read, and \`submit\` with \`idempotencyKey\`, ask again when the server says,
  for at most 75 s in all; then, or at once where it says later, its error is thrown. \`onPostponed\` of \`apiClient\` is told of each wait.
  \`follow\` and \`waitForEnd\` wait so in the middle too, a minute at most before each try. All else is asked once.
- Every method takes a \`signal\`; the call then ends with the signal's reason.
- What the server refuses is an \`AppError\` with \`code\` ([the closed list](errors-and-events.md)), \`message\`, \`remedy\` and
  \`errors\` (\`{path, message}\` for each wrong field). \`NoServer\` is the one where nothing answers, or something else does.
- \`fetch\` is called as a plain function: pass the runtime's own, or one that adds a proxy or headers.
- With \`idempotencyKey\` a submission can be sent again after an error: the same key and request give the same job.

## Methods
${methods.map(({ signature, says }) => `### \`${signature}\`\n${says}\n`).join("\n")}
This page is made of the docstrings of the client's interface: \`node scripts/reference.ts\` writes it.
`;
}

/** Each method with what is said of it, in the order of the source. */
function methodsOf(source: string) {
  const body = source.slice(source.indexOf("export interface ApiClient"));
  return [
    ...body.matchAll(/ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+\([\s\S]*?\): [^;]+(?:\{[^}]*\}[^;]*)?);\n/g),
  ].map(([, says = "", signature = ""]) => ({
    signature: joined(signature),
    says: joined(says.replace(/^\s*\* ?/gm, " ")),
  }));
}

const joined = (text: string): string => text.replace(/\s+/g, " ").trim();
