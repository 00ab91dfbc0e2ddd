import { expect } from "vitest";
import type { JobId } from "../../shared/job.ts";
import { type Reply, reply, type TestApi } from "./an-api.ts";
import { savedKey } from "./an-api-key.ts";
import { seeded } from "./random.ts";
import { type AnyRequest, type ApiDocument, randomRequest, schemaOf } from "./random-request.ts";
import { fitting, type Schema, spoiled } from "./schema-value.ts";

type Tenant = Readonly<{ name: string; as: Record<string, string>; ids: string[]; kept: readonly string[] }>;

/** Marks what is a tenant's own, in a form that no request of another's has. */
const markOf = (name: string) => `only-for-${name}-to-see`;
const insides = /\bat .+\.(?:ts|mjs|js):\d+|node_modules|node:internal|\/api\/\w+\.ts|SQLITE_|sqlite3?_/;

/**
 * Sends `count` requests made of the API's own document, and calls of its MCP tools made of their schemas, by two tenants in
 * turn, each of which knows the other's identifiers. The same seed sends the same. Gives how often each status was answered.
 * @throws Error with seed, number and request for the first that is answered by 5xx, with something of our insides, or
 * with what is another tenant's.
 */
export async function fuzzApi(
  api: TestApi,
  { seed, count }: Readonly<{ seed: number; count: number }>,
): Promise<ReadonlyMap<number, number>> {
  const random = seeded(seed);
  const tenants = [await aTenant(api, "red"), await aTenant(api, "blue")] as const;
  const document = (await api.get("/openapi.json", tenants[0].as)).body as unknown as ApiDocument;
  const tools = await toolsOf(api, tenants[0].as);
  const before = await Promise.all(tenants.map((tenant) => keptOf(api, tenant)));
  const send = sendTo(api);
  const statuses = new Map<number, number>();

  for (let round = 0; round < count; round += 1) {
    const me = tenants[round % 2 === 0 ? 0 : 1];
    const other = tenants[round % 2 === 0 ? 1 : 0];
    const source = {
      random,
      resolve: schemaOf(document),
      id: () => random.pick([...me.ids, ...other.kept, ...other.ids.slice(-2)] as unknown as [string]),
      words: wordsOf(me.name),
    };
    const request = random.below(5) === 0 ? randomCall(tools, source) : randomRequest(document, source);
    const answer = await send({ ...request, headers: { ...request.headers, ...me.as } });
    const wrong = whatIsWrong(answer, other);
    if (wrong) throw new Error(`seed ${seed}, request ${round} of ${me.name}: ${wrong}: ${shown(request, answer)}`);
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    const { id } = (answer.body["job"] ?? {}) as { id?: string };
    if (answer.status === 202 && id !== undefined && !me.ids.includes(id)) me.ids.push(id);
  }
  expect(await Promise.all(tenants.map((tenant) => keptOf(api, tenant)))).toEqual(before);
  return statuses;
}

type Send = (request: AnyRequest) => Promise<Reply>;

function whatIsWrong({ status, text }: Reply, other: Tenant): string | undefined {
  if (status >= 500) return `answered with ${status}`;
  if (insides.test(text)) return "shows our insides";
  return text.includes(markOf(other.name)) ? `shows what is ${other.name}'s` : undefined;
}
const shown = (request: AnyRequest, { text }: Reply): string =>
  `${JSON.stringify(request).slice(0, 2_000)} -> ${text.slice(0, 1_000)}`;

/** With a key, and with jobs that nobody but others is to ask for. */
async function aTenant(api: TestApi, name: string): Promise<Tenant> {
  const { as } = await savedKey(api.deps.store, { tenant: name, scopes: ["submit", "read", "cancel", "admin"] });
  const made = async () => {
    const { body } = await api.post("/jobs", { task: `A task ${markOf(name)}` }, as);
    return (body["job"] as { id: string }).id;
  };
  return { name, as, ids: [await made(), await made()], kept: [await made(), await made()] };
}

/** The jobs that only others asked for, as they are. */
const keptOf = (api: TestApi, { kept }: Tenant) =>
  Promise.all(
    kept.map(async (id) => {
      const { queue_position: _, ...job } = (await api.deps.store.get(id as JobId)) ?? {};
      return { job, events: await api.deps.store.events(id as JobId, {}) };
    }),
  );

const wordsOf = (name: string) =>
  [
    `A task ${markOf(name)}`,
    ...["code", "review", "default", "queue", "0.5", "1", "30", "main", "feature/x", "2026-01-01T00:00:00Z", "box-1"],
    ...["https://github.com/octo/one", "git@github.com:octo/two.git", "end", "event", "true", "false", "e", "k-1"],
  ] as [string, ...string[]];

type Tool = Readonly<{ name: string; inputSchema: Schema }>;

async function toolsOf(api: TestApi, as: Record<string, string>): Promise<readonly Tool[]> {
  const { text } = await api.post("/mcp", rpc("tools/list", {}), { ...as, ...accepts });
  const line = /^data: (\{.*\})$/m.exec(text)?.[1] ?? text;
  return (JSON.parse(line) as { result: { tools: Tool[] } }).result.tools;
}

const accepts = { accept: "application/json, text/event-stream" };
const rpc = (method: string, params: object) => ({ jsonrpc: "2.0", id: 1, method, params });

function randomCall(tools: readonly Tool[], source: Parameters<typeof fitting>[1]): AnyRequest {
  const { random, id } = source;
  const tool = tools[random.below(tools.length)];
  const given = fitting(tool?.inputSchema ?? {}, source) as Record<string, unknown>;
  // Identifiers have no form of their own there.
  for (const name of Object.keys(given)) if (/^(?:job|worktree)_id$/.test(name)) given[name] = id();
  const args = random.below(2) === 0 ? given : spoiled(given, source);
  const uri = `agenticore://jobs/${id()}${random.pick(["", "/log", "/diff", "/x", "/../.."])}`;
  const call =
    random.below(4) === 0
      ? rpc(random.pick(["resources/read", "resources/list"]), { uri })
      : rpc("tools/call", { name: tool?.name, arguments: args });
  const body = JSON.stringify(random.below(20) === 0 ? spoiled(call, source) : call);
  return { method: "POST", path: "/mcp", headers: { "content-type": "application/json", ...accepts }, body };
}

/** A request that would be held is answered as things stand: whoever asked is gone, or has read the first of a stream. */
const heldMs = 25;

const sendTo =
  ({ fetch }: TestApi): Send =>
  async ({ method, path, headers, body }) => {
    const gone = new AbortController();
    const timer = setTimeout(() => gone.abort(), heldMs);
    try {
      const init = { method, headers, signal: gone.signal, ...(body === undefined ? {} : { body }) };
      const response = await fetch(path, init);
      const isStream =
        response.headers.get("content-type")?.startsWith("text/event-stream") && !path.startsWith("/mcp");
      return isStream ? await firstOf(response) : await reply(response);
    } finally {
      clearTimeout(timer);
    }
  };

async function firstOf(response: Response): Promise<Reply> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { status, headers } = response;
  let text = "";
  for (let n = 0; n < 2; n += 1) text += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  return { status, headers, text, body: {} };
}
