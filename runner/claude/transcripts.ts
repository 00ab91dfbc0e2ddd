import { lstat, mkdir, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { copyWithout, fileContains } from "./transcript-copy.ts";

/** A transcript over this size is not kept. */
const maxBytes = 512 * 1024 * 1024;

export type SessionPlaces = Readonly<{ configDir: string; sessions: string; sessionId: string }>;

/**
 * Saves what Claude remembers of a session from a job's config folder to `{sessions}/{id}/{id}.jsonl`.
 * To be called when no process of the job lives. The folder is an agent's: links are not followed. What is kept there since
 * the job last wrote is of a later job, and stays.
 * @returns whether a transcript was there to be kept
 * @throws AppError `disk_full` or `internal` when it cannot be written.
 */
export async function keepTranscript({ configDir, sessions, sessionId }: SessionPlaces): Promise<boolean> {
  const found = await findTranscript(configDir, sessionId);
  if (found === undefined) return false;
  const kept = await lstat(keptAt(sessions, sessionId)).catch(() => undefined);
  if (kept !== undefined && kept.mtimeMs > found.changed) return true;
  await mkdir(join(sessions, sessionId), { recursive: true, mode: 0o700 });
  await copyWithout(found.file, keptAt(sessions, sessionId));
  return true;
}

/**
 * Puts a kept session where Claude looks for it with `--resume` in this worktree.
 * @returns false where there is no such session, or nothing was said in it yet: then the task begins anew.
 * @throws AppError `disk_full` or `internal` when it cannot be written.
 */
export async function layOutTranscript(places: SessionPlaces, worktree: string): Promise<boolean> {
  const { configDir, sessions, sessionId } = places;
  const kept = keptAt(sessions, sessionId);
  if (!(await isBegun(kept))) return false;
  const folder = join(configDir, "projects", slugOf(await realpath(worktree)));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await copyWithout(kept, join(folder, `${sessionId}.jsonl`), costLine);
  return true;
}

/** Where this box keeps what was said in a session. */
export const keptAt = (sessions: string, sessionId: string): string => join(sessions, sessionId, `${sessionId}.jsonl`);

/** Whether something was said in it. */
export const isBegun = (file: string): Promise<boolean> => fileContains(file, userLine);

/** How Claude Code names a folder's transcripts. */
const slugOf = (cwd: string): string => cwd.replace(/[^A-Za-z0-9]/g, "-");

/** A session that has none of these was begun and never used; inside of texts the quotes are escaped. */
const userLine = '"type":"user"';
/** Claude would go on counting cost from it; without it a result tells of its own process only (measured). */
const costLine = '{"type":"cost-state"';

/** The newest plain file of that name, one folder deep, reached over no link. */
export async function findTranscript(
  configDir: string,
  sessionId: string,
): Promise<Readonly<{ file: string; changed: number }> | undefined> {
  const projects = join(configDir, "projects");
  if (!(await isFolder(projects))) return undefined;
  const found = await Promise.all(
    (await readdir(projects)).map(async (slug) => {
      if (!(await isFolder(join(projects, slug)))) return [];
      const file = join(projects, slug, `${sessionId}.jsonl`);
      const info = await lstat(file).catch(() => undefined);
      return info?.isFile() && info.nlink === 1 && info.size <= maxBytes ? [{ file, changed: info.mtimeMs }] : [];
    }),
  );
  return found.flat().sort((a, b) => b.changed - a.changed)[0];
}

const isFolder = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
