import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../shared/error.ts";
import { isTree, mergeSettings, type Tree } from "./deep-merge.ts";
import { fillIn } from "./placeholders.ts";
import { SettingsShape } from "./settings-shape.ts";

/** The folders that make up a profile, the furthest parent first. */
export type ProfileFolders = Readonly<{
  folders: readonly string[];
  /** The folder of agentihooks: in files below it `/app` stands for it. */
  hooksRoot?: string;
}>;

/** The content of one file of a profile. */
export type Layer = Readonly<{ from: string; content: Tree }>;

/** Of each folder in this order; a later one lies over an earlier one. */
const settingsFiles = [
  "settings.base.json",
  ".claude/settings.json",
  "settings.overrides.json",
  ".claude/settings.overrides.json",
];

/** Every settings file of the profile that is there. @throws AppError `profile_invalid` that names the file. */
export async function settingsLayers(profile: ProfileFolders): Promise<readonly Layer[]> {
  const layers = await layersOf(profile, settingsFiles);
  for (const { from, content } of layers) checkSettings(from, content);
  return layers;
}

/** The settings of all layers, merged. */
export const settingsOf = (layers: readonly Layer[]): Tree =>
  layers.reduce<Tree>((below, { content }) => mergeSettings(below, content), {});

/** The instructions of all folders, the furthest parent's first. */
export async function instructionsOf({
  folders,
}: ProfileFolders): Promise<readonly Readonly<{ from: string; text: string }>[]> {
  const parts = await Promise.all(
    folders.map(async (folder) => {
      const [root, inner] = ["CLAUDE.md", ".claude/CLAUDE.md"].map((file) => join(folder, file));
      const text = await textOf(root ?? "");
      return text === undefined
        ? { from: inner ?? "", text: (await textOf(inner ?? "")) ?? "" }
        : { from: root ?? "", text };
    }),
  );
  return parts.map(({ from, text }) => ({ from, text: text.trim() })).filter(({ text }) => text !== "");
}

/**
 * MCP servers by name with the file that each is from; a child's replaces its parent's as a whole.
 * @throws AppError `profile_invalid` for one that Claude would silently leave out.
 */
export async function mcpServersOf(
  profile: ProfileFolders,
): Promise<ReadonlyMap<string, Readonly<{ from: string; server: Tree }>>> {
  const layers = await layersOf(profile, [".mcp.json", ".claude/.mcp.json"]);
  const servers = layers.flatMap(({ from, content: { mcpServers = {} } }) => {
    if (!isTree(mcpServers)) throw new AppError("profile_invalid", `${from}: mcpServers must be a JSON object.`);
    return Object.entries(mcpServers).map(
      ([name, server]) => [name, { from, server: checkedServer(server, { from, name }) }] as const,
    );
  });
  return new Map(servers);
}

function checkedServer(server: unknown, { from, name }: Readonly<{ from: string; name: string }>): Tree {
  if (isServer(server)) return server;
  throw new AppError(
    "profile_invalid",
    `${from}: the server "${name}" needs a "command", or a "url" with the type http or sse.`,
  );
}

const isServer = (server: unknown): server is Tree => {
  if (!isTree(server)) return false;
  const type = server["type"] ?? (server["url"] === undefined ? "stdio" : "http");
  if (type === "stdio") return typeof server["command"] === "string";
  return (type === "http" || type === "sse") && typeof server["url"] === "string";
};

async function layersOf({ folders, hooksRoot }: ProfileFolders, names: readonly string[]): Promise<Layer[]> {
  const files = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  const layers = await Promise.all(
    files.map(async (from) => {
      const content = await jsonOf(from);
      const isTheirs = hooksRoot !== undefined && from.startsWith(`${hooksRoot}/`);
      return { from, content: isTheirs ? (fillIn(content, hooksRoot) as Tree) : content };
    }),
  );
  return layers.filter(({ content }) => Object.keys(content).length > 0);
}

function checkSettings(from: string, content: Tree): void {
  const { error } = SettingsShape.safeParse(content);
  if (!error) return;
  const wrong = error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`);
  throw new AppError("profile_invalid", `${from}: ${wrong.join("; ")}`);
}

/** A JSON object; empty where the file is not there. @throws AppError `profile_invalid`. */
export async function jsonOf(file: string): Promise<Tree> {
  const text = await textOf(file);
  if (text === undefined) return {};
  try {
    const content: unknown = JSON.parse(text);
    if (isTree(content)) return content;
  } catch (cause) {
    throw new AppError("profile_invalid", `${file}${lineIn(cause)}: is not JSON.`);
  }
  throw new AppError("profile_invalid", `${file}: must be a JSON object.`);
}

/** The message itself may quote the file, which can hold secrets. */
const lineIn = (error: unknown): string => {
  const line = /\(line (\d+) column \d+\)/.exec(String(error))?.[1];
  return line === undefined ? "" : `, line ${line}`;
};

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new AppError("profile_invalid", `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
