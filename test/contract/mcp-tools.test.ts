import { expect, test } from "vitest";
import { anApi } from "../support/an-api.ts";
import { anMcpClient, eras } from "../support/an-mcp-client.ts";

/** Agents and their prompts depend on it: a change is a decision. */
test.each(eras)(
  "what agents of the %s revisions are told of tools, resources and prompts has not changed by accident",
  async (era) => {
    await using api = await anApi();
    await using mcp = await anMcpClient((request) => api.app.fetch(request), { era });
    const { tools } = await mcp.client.listTools();
    const { resourceTemplates } = await mcp.client.listResourceTemplates();
    const { prompts } = await mcp.client.listPrompts();
    expect({ tools, resourceTemplates, prompts, instructions: mcp.client.getInstructions() }).toMatchSnapshot();
  },
);
