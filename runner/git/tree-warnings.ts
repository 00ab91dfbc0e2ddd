import { join } from "node:path";
import { kindAt, readPlainFile } from "./guard.ts";

/** What a fresh tree lacks and a person may expect: sentences for the job's `warnings`. */
export async function warningsAbout(tree: string): Promise<readonly string[]> {
  const submodules = (await kindAt(join(tree, ".gitmodules"))) !== "nothing";
  const large = /\bfilter=lfs\b/.test((await readPlainFile(join(tree, ".gitattributes"))) ?? "");
  return [
    ...(submodules ? ["The repository has submodules; they were not fetched, their folders are empty."] : []),
    ...(large ? ["The repository uses Git LFS; its large files were not fetched, they are pointers."] : []),
  ];
}
