import { processGroup, rootNamespace, type Sandbox } from "./sandbox.ts";
export async function probeSandbox({ wanted }: { wanted: "auto" | "none" }): Promise<Sandbox> {
  return wanted === "none" ? processGroup("asked") : rootNamespace;
}
