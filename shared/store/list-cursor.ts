import { AppError } from "../error.ts";

/** FNV-1a (isthe.com/chongo/tech/comp/fnv): tells a cursor of ours from a guess or a slip; it guards nothing. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`job list ${text}`)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}

/** The cursor behind the job of that number. */
export const listCursor = (n: number): string => `${n.toString(36)}-${checksum(n.toString(36))}`;

/** The number in it. @throws AppError `invalid_request` for what `listCursor` has not made. */
export function listPlace(cursor: string): number {
  const [place = "", sum, ...rest] = cursor.split("-");
  const n = Number.parseInt(place, 36);
  if (rest.length === 0 && sum === checksum(place) && n >= 1) return n;
  throw foreignListCursor();
}

export const foreignListCursor = (): AppError =>
  new AppError("invalid_request", "The cursor is not one that a list gave out.", {
    remedy: "Use `next_cursor` of the page before, or leave the cursor out.",
    errors: [{ path: "cursor", message: "was not given out by a list" }],
  });
