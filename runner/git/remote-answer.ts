/** What the repository said about a base ref, just now. */
export type RemoteRefs = Readonly<{
  /** The branch's or tag's own name, without `refs/heads/`; a commit's hash for a detached HEAD. */
  name: string;
  kind: "branch" | "tag" | "commit";
  /** What is fetched: a full ref name, HEAD or a hash. */
  ref: string;
  /** What the ref points at: of an annotated tag the tag object. */
  object: string;
  commit: string;
  /** Branches of ours that exist there, with their commits. */
  ours: ReadonlyMap<string, string>;
}>;

export type Fetched = Readonly<{ commit: string }>;
