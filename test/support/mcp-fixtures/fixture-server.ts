import type { ListToolsResult, Server } from "@modelcontextprotocol/server";
import { getPrompt, promptList } from "../../../api/mcp/prompts.ts";
import { listResources, readResource, resourceTemplates } from "../../../api/mcp/resources.ts";
import { serveCall } from "../../../api/mcp/serve-call.ts";
import { type MakeMcpServer, mcpServer } from "../../../api/mcp/server.ts";
import { told } from "../../../api/mcp/told.ts";
import { tools } from "../../../api/mcp/tools.ts";
import { fixtureJobTools } from "./fixture-job-tools.ts";
import { fixturePrompt, fixturePrompts } from "./fixture-prompts.ts";
import { fixtureResource, fixtureResources } from "./fixture-resources.ts";
import { fixtureCalls, listedFixtures } from "./fixture-tools.ts";
import { answered } from "./questions.ts";

const offered = [...tools, ...fixtureJobTools];
const listed = new Map([...listedFixtures, ...offered.map((tool) => tool.listed)].map((each) => [each["name"], each]));
const toolList = { tools: [...listed.values()] } as unknown as ListToolsResult;

/** Our server, with the tools, resources and prompts beside its own which the conformance suite asks for by name. */
export const fixtureServer: MakeMcpServer = (deps, caller): Server => {
  const server = mcpServer(deps, caller);
  server.registerCapabilities({ completions: {}, logging: {} });
  server.setRequestHandler("tools/list", () => toolList);
  server.setRequestHandler("tools/call", async ({ params }, ctx) => {
    const early = await fixtureCalls[params.name]?.(ctx, params.arguments ?? {});
    if (early) return early;
    const name = answered(ctx, "user_name", "name");
    const args = { ...params.arguments, ...(name === undefined ? {} : { name }) };
    return await serveCall(deps, caller, { params: { ...params, arguments: args }, ctx, tools: offered });
  });
  server.setRequestHandler("resources/list", async () => {
    const { resources } = await listResources(deps, caller);
    return { resources: [...fixtureResources, ...resources] };
  });
  server.setRequestHandler("resources/templates/list", () => resourceTemplates);
  server.setRequestHandler("resources/read", ({ method, params: { uri } }) =>
    told(
      deps,
      { asking: caller, method, path: uri },
      async () => fixtureResource(uri) ?? readResource(deps, uri, caller),
    ),
  );
  server.setRequestHandler("prompts/list", () => ({ prompts: [...fixturePrompts, ...promptList.prompts] }));
  server.setRequestHandler(
    "prompts/get",
    ({ params: { name, arguments: args } }, ctx) => fixturePrompt(name, args ?? {}, ctx) ?? getPrompt(name, args),
  );
  server.setRequestHandler("completion/complete", () => ({ completion: { values: ["hello"], hasMore: false } }));
  return server;
};
