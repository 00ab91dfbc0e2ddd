/** A file that differs from the last commit. `path` is bytes as latin1: git knows no encoding. */
export type Leftover = Readonly<{ path: string; change: "changed" | "deleted" | "new"; bytes: number }>;
export type LeftoverChoice = Readonly<{ taken: readonly Leftover[]; warnings: readonly string[] }>;

const mostFiles = 1_000;
const mostBytes = 20 * 1024 * 1024;

/** Which leftovers are committed (jobs.md 5): nothing that the runner `placed`, that looks like a secret or was half written, at most 1,000 files and 20 MiB. */
export function chooseLeftovers(all: readonly Leftover[], placed: readonly string[] = []): LeftoverChoice {
  const found = all.filter(({ path }) => !isPlaced(path, placed));
  const taken: Leftover[] = [];
  const nested: string[] = [];
  const secret: string[] = [];
  const halfWritten: string[] = [];
  const tooMuch: string[] = [];
  let bytes = 0;
  for (const leftover of found.toSorted(byChange)) {
    const deleted = leftover.change === "deleted";
    if (leftover.path.endsWith("/")) nested.push(leftover.path);
    // To delete such a file tells nobody what was in it.
    else if (!deleted && looksSecret(leftover.path)) secret.push(leftover.path);
    else if (leftover.change === "new" && isHalfWritten(leftover.path)) halfWritten.push(leftover.path);
    else if (taken.length >= mostFiles || bytes + leftover.bytes > mostBytes) tooMuch.push(leftover.path);
    else {
      taken.push(leftover);
      bytes += leftover.bytes;
    }
  }
  return {
    taken,
    warnings: [
      ...leftOut(secret, "left out of the commit because of a name that secrets have"),
      ...leftOut(halfWritten, "left out of the commit: Claude was killed while it wrote it"),
      ...leftOut(tooMuch, "left out of the commit, which takes at most 1,000 files and 20 MiB"),
      ...leftOut(nested, "left out of the commit: a git repository of its own"),
    ],
  };
}

/** What the runner put there itself is nobody's work: those files, and all below those folders. */
function isPlaced(path: string, placed: readonly string[]): boolean {
  const bytes = placed.map((each) => Buffer.from(each, "utf8").toString("latin1"));
  return bytes.some((each) => path === each || path.startsWith(`${each}/`));
}

/** `.env*`, `*.pem`, `*.key` and `id_*`, in any folder. */
export const looksSecret = (path: string): boolean =>
  /^(?:\.env.*|.*\.pem|.*\.key|id_.*)$/i.test(path.slice(path.lastIndexOf("/") + 1));

/** What Claude Code (2.1.330, seen) writes before it renames it into place: `{name}.tmp.{pid}.{12 hex digits}`. */
const isHalfWritten = (path: string): boolean => /\.tmp\.\d+\.[0-9a-f]{12}$/.test(path);

const order = { changed: 0, deleted: 1, new: 2 } as const;
const byChange = (a: Leftover, b: Leftover): number =>
  order[a.change] - order[b.change] || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

const mostNames = 20;

export function leftOut(paths: readonly string[], why: string): readonly string[] {
  if (paths.length === 0) return [];
  const names = paths.slice(0, mostNames).map(printable).join(", ");
  const more = paths.length > mostNames ? ` and ${paths.length - mostNames} more` : "";
  return [`${paths.length === 1 ? "1 file was" : `${paths.length} files were`} ${why}: ${names}${more}.`];
}

const printable = (path: string): string => Buffer.from(path, "latin1").toString("utf8").replace(/\p{C}/gu, "?");
