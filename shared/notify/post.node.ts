import { lookup } from "node:dns/promises";
import { type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import type { Post } from "./deliver.ts";
import { mayReach } from "./receivers.ts";

type Address = Readonly<{ address: string; family: number }>;
type Options = Readonly<{
  allowed: readonly string[];
  /** All addresses of a name; by default what the system's resolver says. */
  resolve?: (name: string) => Promise<readonly Address[]>;
}>;

const byResolver = (name: string): Promise<readonly Address[]> => lookup(name, { all: true });

/**
 * Looks the host up once, and connects to what it found and to nothing else: a name that leads somewhere else a moment
 * later (DNS rebinding) leads nowhere. Where one of the addresses may not be reached, none is. No proxy, no connection
 * of an earlier request; of the answer only the head is read.
 */
export const pinnedPost =
  ({ allowed, resolve = byResolver }: Options): Post =>
  async (url, { headers, body }, signal) => {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const family = isIP(host);
    const known = family === 0 ? resolve(host).catch(unknown) : Promise.resolve([{ address: host, family }]);
    const found = await Promise.race([known, aborted(signal)]);
    if (found.length === 0) return unknown();
    if (!found.every(({ address }) => mayReach(url, address, allowed)))
      throw new Error("The host has an address that AGENTICORE_NOTIFY_ALLOWED does not name.");
    return await send(url, { headers: { ...headers, "content-length": Buffer.byteLength(body) }, signal, found }, body);
  };

type Sending = Pick<RequestOptions, "headers" | "signal"> & Readonly<{ found: readonly Address[] }>;

function send(url: URL, { found, ...options }: Sending, body: string): Promise<number> {
  const pinned: RequestOptions["lookup"] = (_name, { all }, answer) => {
    const [first] = found;
    if (all) answer(null, [...found]);
    else answer(null, first?.address ?? "", first?.family);
  };
  return new Promise((resolve, reject) => {
    const ask = url.protocol === "https:" ? requestHttps : requestHttp;
    const request = ask(url, { ...options, method: "POST", agent: false, lookup: pinned }, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.once("error", (error: NodeJS.ErrnoException) => {
      reject(new Error(`The receiver could not be reached${error.code ? ` (${error.code})` : ""}.`, { cause: error }));
    });
    request.end(body);
  });
}

function unknown(): never {
  throw new Error("The host's name could not be looked up.");
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = () => reject(new Error("The request was broken off."));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
