import type { Implementation } from "@modelcontextprotocol/server";
import type { ApiDeps } from "../deps.ts";

/** How this server names itself. */
export const serverInfo = ({ version }: Pick<ApiDeps, "version">): Implementation => ({
  name: "agenticore",
  title: "Agenticore",
  version,
});
