import { createHash } from "node:crypto";

/** The names that git has for this content, in repositories of either hash. @see https://git-scm.com/book/en/v2/Git-Internals-Git-Objects */
export const blobIds = (content: Buffer): readonly string[] =>
  ["sha1", "sha256"].map((hash) => createHash(hash).update(`blob ${content.length}\0`).update(content).digest("hex"));
