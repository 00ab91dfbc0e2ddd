/** What the runner put into a tree beside the commit, as relative paths, and what is in the files: never part of the work. */
export type Placed = Readonly<{
  files: readonly string[];
  folders: readonly string[];
  contents?: readonly string[] | undefined;
}>;

/** Both together, each once. */
export function placedTogether(known: Placed | undefined, more: Placed) {
  const all = (name: keyof Placed) => [...new Set([...(known?.[name] ?? []), ...(more[name] ?? [])])];
  return { files: all("files"), folders: all("folders"), contents: all("contents") };
}
