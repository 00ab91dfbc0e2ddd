import { execFileSync, spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { plainGitEnv } from "./sample-repo.ts";

export type GitServer = Readonly<{
  /** `127.0.0.1:{port}` */
  host: string;
  url: (repo: string) => string;
  /** What was asked, with the credentials that came along. */
  seen: readonly Readonly<{ method: string; url: string; authorization: string | undefined }>[];
}> &
  AsyncDisposable;

type Rules = Readonly<{
  /** Folder whose bare repositories are served. */
  root: string;
  login?: Readonly<{ username: string; password: string }>;
  /** Sends everyone on to this origin, or answers itself where it gives undefined. */
  redirect?: (url: string) => string | undefined;
  /** Called before a request is looked at: to hold it. */
  before?: (url: string) => void | Promise<void>;
  /** Called when git has answered and before the answer is sent: to make it late. */
  after?: (url: string) => void | Promise<void>;
}>;

/** Smart HTTP as real servers do it: `git http-backend` behind a small CGI, with Basic auth. */
export async function gitServer(rules: Rules): Promise<GitServer> {
  const seen: { method: string; url: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { method = "GET", url = "/" } = request;
    seen.push({ method, url, authorization: request.headers.authorization });
    void answer(rules, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: (repo) => `http://${host}/${repo}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(rules: Rules, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? "/";
  await rules.before?.(url);
  const elsewhere = rules.redirect?.(url);
  if (elsewhere !== undefined) {
    response.writeHead(302, { location: elsewhere }).end();
    return;
  }
  if (rules.login && request.headers.authorization !== basic(rules.login)) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end("who are you?");
    return;
  }
  serveGit({ root: rules.root, user: rules.login?.username ?? "someone", after: rules.after }, request, response);
}

const basic = ({ username, password }: NonNullable<Rules["login"]>) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const backend = join(execFileSync("git", ["--exec-path"], { encoding: "utf8" }).trim(), "git-http-backend");

/** `path`: where the request leads below the root, if not where it says. */
type Backend = Readonly<{ root: string; user: string; path?: string; after?: Rules["after"] | undefined }>;

/** Answers with `git http-backend`: RFC 3875 as far as git-http-backend(1) needs it. Whoever is `user` may push. */
export function serveGit({ root, user, path, after }: Backend, request: IncomingMessage, response: ServerResponse) {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
  const child = spawn(backend, {
    env: {
      ...plainGitEnv(),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: decodeURIComponent(path ?? pathname),
      QUERY_STRING: searchParams.toString(),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      REMOTE_USER: user,
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => undefined);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stdout.on("end", () => {
    const answered = Buffer.concat(chunks);
    const end = answered.indexOf("\r\n\r\n");
    const fields = answered
      .subarray(0, end)
      .toString()
      .split("\r\n")
      .map((line) => line.split(/:\s*/, 2) as [string, string]);
    const status = fields.find(([name]) => name === "Status")?.[1];
    const headers = Object.fromEntries(fields.filter(([name]) => name !== "Status"));
    void Promise.resolve(after?.(request.url ?? "/")).then(() =>
      response.writeHead(Number(status?.slice(0, 3) ?? 200), headers).end(answered.subarray(end + 4)),
    );
  });
}
