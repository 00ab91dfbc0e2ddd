import { z } from "zod";
import { requireScope } from "../auth/scope.ts";
import { listProfiles } from "../profiles.ts";
import { defineTool } from "./tool.ts";
import { ProfilesOutput } from "./views.ts";

const profiles = defineTool({
  name: "list_profiles",
  title: "List profiles",
  description: "The profiles that run_task takes: name, what each is for, model and limits.",
  input: z.strictObject({}),
  output: ProfilesOutput,
  annotations: { readOnlyHint: true, openWorldHint: false },
  call: async (_, { deps, asking }) => {
    requireScope(asking.caller, "read");
    const found = await listProfiles(deps);
    return { success: true, count: found.length, profiles: found };
  },
});

export const profileTools = [profiles] as const;
