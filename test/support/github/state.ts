import { randomBytes } from "node:crypto";

export type Role = "pull" | "push" | "admin";
export type Permissions = Readonly<Record<string, "read" | "write">>;

/** A repository as the stand-in knows it; branches and commits are in the real one at `path`. */
export type Repo = {
  readonly id: number;
  readonly owner: string;
  readonly name: string;
  /** The bare repository. */
  readonly path: string;
  isPrivate: boolean;
  isArchived: boolean;
  hasDrafts: boolean;
  defaultBranch: string;
  readonly people: Map<string, Role>;
  readonly teams: Set<string>;
  readonly labels: Set<string>;
  readonly pulls: Pull[];
};

export type Pull = {
  readonly number: number;
  readonly head: string;
  readonly author: string;
  readonly createdAt: string;
  base: string;
  title: string;
  body: string | null;
  draft: boolean;
  state: "open" | "closed";
  mergedAt: string | null;
  /** As it was when it was closed. */
  closedSha?: string;
  readonly labels: string[];
  readonly reviewers: string[];
  readonly teams: string[];
  readonly comments: { author: string; body: string }[];
};

/** Who a token stands for. `scopes`: a classic one; `permissions`: a fine-grained one, or an App's. */
export type Actor =
  | Readonly<{ kind: "user"; login: string; scopes?: readonly string[]; permissions?: Permissions }>
  | Readonly<{ kind: "installation"; app: App; repositories: readonly string[]; permissions: Permissions }>
  | Readonly<{ kind: "app"; app: App }>;

export type App = {
  readonly id: number;
  readonly installationId: number;
  readonly owner: string;
  /** PEM, public. */
  readonly key: string;
  permissions: Permissions;
  /** Names of repositories of the owner; undefined: all. */
  repositories: readonly string[] | undefined;
  suspendedAt: string | null;
  tokenMs: number;
};

type Token = Readonly<{ actor: Actor; until: number }>;
export type Seen = Readonly<{ method: string; path: string; status: number; token: string | undefined }>;

/** What is answered instead, so many times, where method and path fit. */
export type Fault = {
  readonly fits: (method: string, path: string) => boolean;
  readonly status: number;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly body: unknown;
  times: number;
  /** The request is done, and its answer lost. */
  readonly after?: boolean;
};

/** A request that fits has been done, and its answer waits. */
export type Hold = Readonly<{
  fits: (method: string, path: string) => boolean;
  reached: () => void;
  released: Promise<void>;
}>;

/** All that the stand-in remembers; its clock runs as the machine's does, and can be put forward. */
export function openState() {
  let ahead = 0;
  const tokens = new Map<string, Token>();
  const now = () => Date.now() + ahead;
  return {
    now,
    iso: () => new Date(now()).toISOString().replace(/\.\d+Z$/, "Z"),
    advance: (ms: number) => {
      ahead += ms;
    },
    repos: [] as Repo[],
    apps: [] as App[],
    seen: [] as Seen[],
    faults: [] as Fault[],
    holds: [] as Hold[],
    /** What has been minted for Apps, newest last. */
    minted: [] as { token: string; repositories: readonly string[]; permissions: Permissions }[],
    mint: (prefix: "ghp" | "ghs", actor: Actor, lastsMs = Number.POSITIVE_INFINITY): string => {
      const token = `${prefix}_${randomBytes(18).toString("hex")}`;
      tokens.set(token, { actor, until: now() + lastsMs });
      return token;
    },
    revoke: (token: string) => void tokens.delete(token),
    /** Undefined for a token that was never given, or is over. */
    actorOf: (token: string): Actor | undefined => {
      const found = tokens.get(token);
      return found && now() < found.until ? found.actor : undefined;
    },
  };
}
export type State = ReturnType<typeof openState>;

export const findRepo = ({ repos }: State, owner: string, name: string): Repo | undefined =>
  repos.find((repo) => `${repo.owner}/${repo.name}`.toLowerCase() === `${owner}/${name}`.toLowerCase());
