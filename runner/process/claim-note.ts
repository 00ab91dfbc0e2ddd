import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { RunnerIdentity } from "./run-file.ts";

/** A claim that a runner is about to ask for: after a crash its reply, which may be lost, is asked for again. */
export const ClaimNote = z.object({ claim_id: z.uuid(), runner: RunnerIdentity });
export type ClaimNote = z.infer<typeof ClaimNote>;

const folderOf = (runs: string): string => join(runs, ".claims");
const pathOf = (runs: string, claimId: string): string => join(folderOf(runs), `${claimId}.json`);

/** Writes `{runs}/.claims/{claim id}.json`, whole or not at all. */
export async function writeClaimNote(runs: string, note: ClaimNote): Promise<void> {
  const path = pathOf(runs, note.claim_id);
  await mkdir(folderOf(runs), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(note), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Once the run file of the job speaks for it, or there is none; there may be no note. */
export const removeClaimNote = (runs: string, claimId: string): Promise<void> =>
  rm(pathOf(runs, claimId), { force: true });

/** All notes that can be read; the others say nothing of any job. */
export async function readClaimNotes(runs: string): Promise<readonly ClaimNote[]> {
  const names = (await readdir(folderOf(runs)).catch(() => [])).filter((name) => name.endsWith(".json"));
  const notes = await Promise.all(
    names.map(async (name) => {
      try {
        const note = ClaimNote.parse(JSON.parse(await readFile(join(folderOf(runs), name), "utf8")));
        return `${note.claim_id}.json` === name ? note : undefined;
      } catch {
        return undefined;
      }
    }),
  );
  return notes.filter((note) => note !== undefined);
}
