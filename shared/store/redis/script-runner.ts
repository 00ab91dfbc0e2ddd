import { type RedisWire, type Reply, WireError, type Word } from "./wire.ts";

type Call = (what: string, command: readonly [string, ...Word[]]) => Promise<Reply>;

/** EVALSHA, and EVAL where Redis does not know the script. Web Crypto makes the digests, so that it runs at the edge too. */
export function scriptRunner(call: Call): RedisWire["run"] {
  /** SHA-1 by source: what EVALSHA names a script by. */
  const digests = new Map<string, string>();
  return async ({ name, source }, keys, args) => {
    const what = `the script ${name}`;
    let digest = digests.get(source);
    if (digest === undefined) {
      digest = await sha1(source);
      digests.set(source, digest);
    }
    try {
      return await call(what, ["EVALSHA", digest, keys.length, ...keys, ...args]);
    } catch (error) {
      if (!(error instanceof WireError) || !error.message.startsWith("NOSCRIPT")) throw error;
      return call(what, ["EVAL", source, keys.length, ...keys, ...args]);
    }
  };
}

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
