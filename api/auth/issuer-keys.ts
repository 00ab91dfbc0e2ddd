import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { Clock } from "../../shared/clock.ts";
import { HttpError } from "../../shared/problem.ts";
import { isLoopbackHost } from "../../shared/repo-rules.ts";

type Facts = Readonly<{
  fetch: typeof fetch;
  clock: Pick<Clock, "uptime">;
  /** Milliseconds between two looks for a key that is not known: so often can a stranger make us ask. */
  cooldownMs?: number;
}>;

const patienceMs = 5_000;
/** An issuer that has just not answered is not asked for every token anew. */
const awayMs = 5_000;
const metadataMs = 3_600_000;

const Metadata = z.object({ issuer: z.string(), jwks_uri: z.url() });

/**
 * The signing keys of an issuer, by its metadata (RFC 8414, or OpenID Connect Discovery): asked for when the first token
 * comes, kept for ten minutes, and looked up again for a key that is not known. What is known needs no answer of theirs: so a
 * stranger, with a key that nobody knows, keeps nobody out while an issuer is away.
 * @throws HttpError 503 where the issuer cannot be asked; jose's errors where it has no such key.
 */
export function issuerKeys(issuer: string, { fetch, clock, cooldownMs = 30_000 }: Facts): JWTVerifyGetKey {
  let opened: { keys: RemoteKeys; at: number; uri: string } | undefined;
  let awayUntil = Number.NEGATIVE_INFINITY;

  const open = async (): Promise<RemoteKeys> => {
    if (opened && clock.uptime() - opened.at < metadataMs) return opened.keys;
    const uri = await jwksUri(issuer, fetch);
    const options = { cooldownDuration: cooldownMs, timeoutDuration: patienceMs, [customFetch]: fetch };
    const keys = opened?.uri === uri ? opened.keys : createRemoteJWKSet(new URL(uri), options);
    opened = { keys, at: clock.uptime(), uri };
    return keys;
  };
  /** @throws HttpError 503 where it is not among those that are known. */
  const known = async (cause: unknown, ...[header, token]: Parameters<JWTVerifyGetKey>) => {
    const keys = opened?.keys.fresh ? opened.keys.jwks() : undefined;
    if (!keys) throw away(issuer, cause);
    return await createLocalJWKSet(keys)(header, token).catch(() => {
      throw away(issuer, cause);
    });
  };
  return async (header, token) => {
    if (clock.uptime() < awayUntil) return await known(undefined, header, token);
    try {
      return await (await open())(header, token);
    } catch (cause) {
      if (isNoKey(cause)) throw cause;
      awayUntil = clock.uptime() + awayMs;
      return await known(cause, header, token);
    }
  };
}

type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;

const isNoKey = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported;

async function jwksUri(issuer: string, ask: typeof fetch): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const places = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
  for (const place of places) {
    const response = await ask(place, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(patienceMs),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      continue;
    }
    const metadata = Metadata.parse(await response.json());
    // RFC 8414, 3.3: else one issuer could speak for another.
    if (metadata.issuer !== issuer) throw new Error(`${place} is of the issuer ${metadata.issuer}`);
    if (!isSafe(metadata.jwks_uri)) throw new Error(`the keys are not at an https address: ${metadata.jwks_uri}`);
    return metadata.jwks_uri;
  }
  throw new Error(`there is no metadata at ${places.join(" or ")}`);
}

/** Keys that came in the clear could be anybody's. */
const isSafe = (url: string): boolean => new URL(url).protocol === "https:" || isLoopbackHost(new URL(url).hostname);

const away = (issuer: string, cause?: unknown): HttpError =>
  new HttpError(503, "unauthorized", {
    cause,
    sentence: `The issuer ${issuer} cannot be asked for its keys, so the token cannot be checked.`,
    remedy: "Try again after the seconds in `Retry-After`; an API key works meanwhile.",
  });
