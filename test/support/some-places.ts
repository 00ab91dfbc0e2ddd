import { type Places, placesOf } from "../../runner/places.ts";

/** A runner's folders below one folder, where its configuration would put them. */
export const somePlaces = (root: string): Places =>
  placesOf({
    dataDir: root,
    reposRoot: `${root}/repos`,
    worktreeRoot: `${root}/worktrees`,
    sharedFsRoot: undefined,
  });
