import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { Scope } from "../../shared/api-key.ts";
import { sha256 } from "../../shared/digest.ts";
import type { Caller } from "../asked.ts";
import type { ApiDeps, OAuthSettings } from "../deps.ts";
import { issuerKeys } from "./issuer-keys.ts";
import { RefusedToken } from "./refused-token.ts";

/** Signatures with a key of two halves only: with HMAC, whoever has the public half could sign (RFC 8725, 2.1). */
const algorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** Clocks of two machines differ. */
const toleranceSeconds = 30;

type Facts = Pick<ApiDeps, "clock"> & Readonly<{ fetch: typeof fetch; oauth: OAuthSettings }>;

/**
 * Access tokens (JWT, RFC 9068) of the configured issuers, made for this resource (RFC 8707). Undefined for what has not the
 * form of one. The tenant is the issuer and its subject together: no issuer can name another's people.
 * @throws RefusedToken; HttpError 503 where the issuer cannot be asked.
 */
export function accessTokens({ clock, fetch, oauth }: Facts): (given: string) => Promise<Caller | undefined> {
  const { issuers, resource, cooldownMs } = oauth;
  const pace = cooldownMs === undefined ? {} : { cooldownMs };
  const known = new Map(issuers.map((issuer) => [issuer, issuerKeys(issuer, { fetch, clock, ...pace })]));
  const bare = resource.replace(/\/$/, "");
  return async (given) => {
    if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(given)) return undefined;
    const issuer = issuerOf(given);
    const keys = known.get(issuer);
    if (!keys) throw new RefusedToken("its issuer is not one that this server trusts");
    const verified = await jwtVerify(given, keys, {
      issuer,
      audience: [bare, `${bare}/`],
      algorithms,
      requiredClaims: ["exp", "sub"],
      clockTolerance: toleranceSeconds,
      currentDate: new Date(clock.now()),
    }).catch((error: unknown) => {
      throw error instanceof errors.JOSEError ? new RefusedToken(whyNot(error), error) : error;
    });
    return callerOf(issuer, verified.payload, oauth);
  };
}

/** Not believed before the signature is checked with the keys of just this issuer. */
function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch (error) {
    throw new RefusedToken("it cannot be read", error);
  }
}

/** What a client can act on; nothing of the token itself. */
function whyNot(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === "aud" ? "it is for another resource" : `its claim ${error.claim} does not hold`;
  if (error instanceof errors.JOSEAlgNotAllowed) return "it is signed in a way that is not allowed";
  if (error instanceof errors.JWKSNoMatchingKey) return "its issuer has no such key";
  return "its signature does not hold";
}

async function callerOf(issuer: string, claims: JWTPayload, { scopes }: OAuthSettings): Promise<Caller> {
  const person = await sha256(JSON.stringify([issuer, claims.sub]));
  const granted = new Set(scopesIn(claims).flatMap((scope) => oursOf(scope, scopes)));
  return {
    tenant: `oauth-${person.slice(0, 32)}`,
    name: `token ${person.slice(0, 8)}`,
    scopes: Scope.options.filter((scope) => granted.has(scope)),
  };
}

/** `scope` (RFC 8693, 4.2), or `scp`, as some issuers call it. */
function scopesIn({ scope, scp }: JWTPayload & { scope?: unknown; scp?: unknown }): readonly string[] {
  const given = scope ?? scp;
  if (typeof given === "string") return given.split(" ");
  return Array.isArray(given) ? given.filter((one) => typeof one === "string") : [];
}

/** Without a map our own names count, bare or behind `agenticore:`; a runner is never one by name alone. */
function oursOf(scope: string, map: OAuthSettings["scopes"]): readonly Scope[] {
  if (map) return Object.hasOwn(map, scope) ? (map[scope] ?? []) : [];
  const own = Scope.exclude(["runner"]).safeParse(scope.replace(/^agenticore:/, ""));
  return own.success ? [own.data] : [];
}
