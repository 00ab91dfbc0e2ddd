import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

type Signer = Readonly<{ kid: string; alg: string; privateKey: CryptoKey; jwk: JWK }>;
type Sent = Readonly<{ claims?: Record<string, unknown>; header?: Record<string, unknown>; by?: Signer }>;

/** An authorization server on loopback: its metadata, its keys, and tokens that it would give. */
export async function anIssuer(resource: string, alg = "RS256") {
  const asked: string[] = [];
  const state = {
    isDown: false,
    keys: [await aSigner("one", alg)] as Signer[],
    claimed: undefined as string | undefined,
  };
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const isMetadata = request.url === "/.well-known/oauth-authorization-server";
    response.statusCode = state.isDown ? 500 : isMetadata || request.url === "/jwks" ? 200 : 404;
    response.setHeader("content-type", "application/json");
    const metadata = { issuer: state.claimed ?? issuer, jwks_uri: `${issuer}/jwks` };
    response.end(JSON.stringify(isMetadata ? metadata : { keys: state.keys.map(({ jwk }) => jwk) }));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    server.closeAllConnections();
    await once(server.close(), "close");
  };
  const token = async ({ claims = {}, header = {}, by = state.keys[0] }: Sent = {}): Promise<string> => {
    if (!by) throw new Error("the issuer has no key");
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: issuer, sub: "ada", aud: resource, iat: now, exp: now + 300, scope: "submit read" };
    const all = Object.fromEntries(Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined));
    return new SignJWT(all).setProtectedHeader({ alg: by.alg, kid: by.kid, ...header }).sign(by.privateKey);
  };
  return { issuer, asked, state, token, [Symbol.asyncDispose]: close };
}

export async function aSigner(kid: string, alg = "RS256"): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}
