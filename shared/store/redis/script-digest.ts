import type { Script } from "./wire.ts";

/** Gives the SHA-1 that EVALSHA names a script by; each is worked out once. Web Crypto, so that it runs at the edge too. */
export function scriptDigests(): (script: Script) => string | Promise<string> {
  const known = new Map<string, string>();
  return ({ source }) => {
    const found = known.get(source);
    if (found !== undefined) return found;
    return crypto.subtle.digest("SHA-1", new TextEncoder().encode(source)).then((digest) => {
      const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      known.set(source, hex);
      return hex;
    });
  };
}
