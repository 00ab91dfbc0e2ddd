type Environment = Readonly<Record<string, string | undefined>>;

/** Where the demo keeps what it makes, and which model Claude talks to. */
export type Stage = Readonly<{ home: string; tmp: string; claude: string; model: string | undefined }>;

/**
 * The server's environment: a home of its own, a free port, nothing of the person's configuration. With a scripted
 * model nothing else; with the real one the person's login, key, proxy and certificates as well.
 */
export function serverEnvironment(env: Environment, { home, tmp, claude, model }: Stage): Record<string, string> {
  const own = {
    HOME: home,
    TMPDIR: tmp,
    AGENTICORE_PORT: "0",
    AGENTICORE_CLAUDE_BINARY: claude,
    AGENTICORE_LOG_LEVEL: "warn",
  };
  if (model !== undefined)
    return { ...pick(env, (name) => /^(PATH|LANG|LC_.*|TZ|TERM)$/.test(name)), ...own, ...scripted(model) };
  // The person's own store, traces and tokens are no part of a demo.
  const foreign = /^(AGENTICORE|REDIS|UPSTASH|OTEL|LANGFUSE|GITHUB|npm)_|^(GIT_.*|INIT_CWD|NODE_OPTIONS)$/;
  const login = env["CLAUDE_CODE_HOME_DIR"] || env["HOME"];
  return {
    ...pick(env, (name) => !foreign.test(name)),
    ...own,
    ...(login === undefined ? {} : { CLAUDE_CODE_HOME_DIR: login }),
  };
}

const scripted = (url: string) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: "none-is-needed" });

const pick = (env: Environment, wanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && wanted(name) ? [[name, value]] : [])),
  );
