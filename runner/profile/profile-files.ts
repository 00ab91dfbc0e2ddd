import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../shared/error.ts";
import { deepMerge, isTree } from "./deep-merge.ts";

type Tree = Readonly<Record<string, unknown>>;

/** The settings of all folders, merged; `overrides` are laid over a folder's own. */
export const settingsOf = (folders: readonly string[]): Promise<Tree> =>
  merged(folders, [".claude/settings.json", "settings.overrides.json", ".claude/settings.overrides.json"]);

/** The instructions of all folders, the furthest parent's first. */
export async function instructionsOf(folders: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    folders.map(async (folder) => {
      const [root, inner] = await Promise.all(
        ["CLAUDE.md", ".claude/CLAUDE.md"].map((file) => textOf(join(folder, file))),
      );
      return root ?? inner ?? "";
    }),
  );
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n");
}

/** MCP servers by name; undefined where there are none. @throws AppError `profile_invalid` for one that Claude would silently leave out. */
export async function mcpServersOf(folders: readonly string[]): Promise<Tree | undefined> {
  const { mcpServers } = await merged(folders, [".mcp.json", ".claude/.mcp.json"]);
  if (mcpServers === undefined) return undefined;
  const wrong = isTree(mcpServers)
    ? Object.entries(mcpServers).find(([, server]) => !isServer(server))
    : ["mcpServers"];
  if (wrong)
    throw new AppError(
      "profile_invalid",
      `.mcp.json of ${folders.at(-1)}: the server "${wrong[0]}" needs a "command", or a "url" with the type http or sse.`,
    );
  return mcpServers as Tree;
}

const isServer = (server: unknown): boolean => {
  if (!isTree(server)) return false;
  const type = server["type"] ?? (server["url"] === undefined ? "stdio" : "http");
  if (type === "stdio") return typeof server["command"] === "string";
  return (type === "http" || type === "sse") && typeof server["url"] === "string";
};

async function merged(folders: readonly string[], names: readonly string[]): Promise<Tree> {
  const files = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const trees = await Promise.all(files.map(jsonOf));
  return trees.reduce(deepMerge, {});
}

/** A JSON object; empty where the file is not there. @throws AppError `profile_invalid`. */
export async function jsonOf(file: string): Promise<Tree> {
  const text = await textOf(file);
  if (text === undefined) return {};
  try {
    const content: unknown = JSON.parse(text);
    if (isTree(content)) return content;
  } catch (cause) {
    throw new AppError("profile_invalid", `${file}: ${String(cause)}`, { cause });
  }
  throw new AppError("profile_invalid", `${file}: must be a JSON object.`);
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new AppError("profile_invalid", `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
