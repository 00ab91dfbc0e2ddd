import { generateKeyPairSync, randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { bareRepo, gitIn } from "../sample-repo.ts";
import { githubApi } from "./api.ts";
import { gitDoor } from "./git-door.ts";
import { commitOf } from "./pull-shape.ts";
import { type App, type Fault, openState, type Permissions, type Pull, type Repo, type Seen } from "./state.ts";

type Options = Readonly<{
  /** The API below `/api/v3`, as on a GitHub Enterprise Server; else at the root, as api.github.com. */
  enterprise?: boolean;
}>;

/** A stand-in for GitHub on loopback: its REST API, and real git behind smart HTTP at the same address. */
export type FakeGithub = Readonly<{
  /** For GITHUB_API_URL. */
  apiUrl: string;
  /** For `repo_url`. */
  url: (name: string) => string;
  /** Makes `owner/name`: private, with two commits on `main`; whoever is named in `people` has that role. */
  repo: (name: string, facts?: Partial<Pick<Repo, "isPrivate" | "isArchived" | "hasDrafts">>) => FakeRepo;
  /** A token of somebody with `push` on every repository there is, and the scope `repo`, unless it says otherwise. */
  token: (who?: Readonly<{ login?: string; scopes?: readonly string[]; permissions?: Permissions }>) => string;
  app: (
    facts?: Partial<Pick<App, "permissions" | "repositories" | "tokenMs">> & Readonly<{ owner?: string }>,
  ) => FakeApp;
  /** Answers so instead, the next times that a request fits, as in `POST /repos/o/r/pulls`. */
  fail: (
    what: RegExp,
    fault: Partial<Pick<Fault, "status" | "body" | "times" | "after">> & { headers?: () => Record<string, string> },
  ) => void;
  /** From now on what fits is done, and its answer waits until it is released. */
  hold: (what: RegExp) => Readonly<{ reached: Promise<void>; release: () => void }>;
  /** Puts the clock forward. */
  advance: (ms: number) => void;
  now: () => number;
  revoke: (token: string) => void;
  seen: readonly Seen[];
  minted: readonly Readonly<{ token: string; repositories: readonly string[]; permissions: Permissions }>[];
}> &
  AsyncDisposable;

export type FakeRepo = Readonly<{
  facts: Repo;
  pulls: readonly Pull[];
  git: (...args: readonly string[]) => string;
  /** Ends an open pull request. */
  close: (number: number, how?: "closed" | "merged") => void;
}>;

export type FakeApp = Readonly<{
  facts: App;
  /** PEM as GitHub gives it: PKCS#1. */
  key: string;
  /** The variables of a runner. */
  env: Readonly<Record<string, string>>;
}>;

export async function startGithub({ enterprise = false }: Options = {}): Promise<FakeGithub> {
  const state = openState();
  const root = mkdtempSync(join(tmpdir(), "ac-github-"));
  const prefix = enterprise ? "/api/v3" : "";
  let origin = "";
  const api = getRequestListener(githubApi(state, { prefix, origin: () => origin }).fetch);
  const server = createServer((request, response) => {
    if (!gitDoor({ state, root }, request, response)) void api(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const apiUrl = `${origin}${prefix}`;

  return {
    apiUrl,
    url: (name) => `${origin}/${name}`,
    repo: (full, more = {}) => {
      const [owner = "", name = ""] = full.split("/");
      const path = join(root, owner, `${name}.git`);
      bareRepo(path);
      const repo: Repo = {
        ...{ id: state.repos.length + 1, owner, name, path, isPrivate: true, isArchived: false, hasDrafts: true },
        ...{ defaultBranch: "main", people: new Map(), teams: new Set<string>(), labels: new Set<string>(), pulls: [] },
        ...more,
      };
      repo.people.set("worker", "push");
      state.repos.push(repo);
      return handleOf(repo, state.iso);
    },
    token: ({ login = "worker", ...rights } = {}) => {
      const scopes = rights.permissions ? {} : { scopes: ["repo"] };
      return state.mint("ghp", { kind: "user", login, ...scopes, ...rights });
    },
    app: (facts = {}) => {
      const { owner = "acme", ...more } = facts;
      const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const key = pair.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
      const app: App = {
        ...{ id: randomInt(1e6), installationId: randomInt(1e9), owner, repositories: undefined, suspendedAt: null },
        ...{ tokenMs: 3_600_000, permissions: { contents: "write", pull_requests: "write", issues: "write" } },
        key: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
        ...more,
      };
      state.apps.push(app);
      const env = { GITHUB_APP_ID: String(app.id), GITHUB_APP_PRIVATE_KEY: key };
      return { facts: app, key, env };
    },
    fail: (
      what,
      { status = 500, body = { message: "Server Error" }, times = 1, headers = () => ({}), after = false },
    ) =>
      void state.faults.push({
        ...{ status, body, times, headers, after },
        fits: (method, path) => what.test(`${method} ${path}`),
      }),
    hold: (what) => {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      state.holds.push({
        fits: (method, path) => what.test(`${method} ${path}`),
        reached: reached.resolve,
        released: released.promise,
      });
      return { reached: reached.promise, release: released.resolve };
    },
    advance: state.advance,
    now: state.now,
    revoke: state.revoke,
    seen: state.seen,
    minted: state.minted,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function handleOf(repo: Repo, at: () => string): FakeRepo {
  return {
    facts: repo,
    pulls: repo.pulls,
    git: gitIn(repo.path),
    close: (number, how = "closed") => {
      const pull = repo.pulls.find((one) => one.number === number);
      if (!pull) throw new Error(`there is no pull request ${number}`);
      const sha = commitOf(repo, pull.head);
      Object.assign(pull, { state: "closed", mergedAt: how === "merged" ? at() : null, closedSha: sha });
    },
  };
}
