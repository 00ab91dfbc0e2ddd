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

/** A lookup takes one of the few threads on which Node also reads files, and none can be broken off. */
const lookupsAtOnce = 2;

/** Looks up few names at once, and each that is asked for meanwhile once: a name server that hangs stops nothing else. */
function fewLookups(resolve: (name: string) => Promise<readonly Address[]>) {
  const asked = new Map<string, Promise<readonly Address[]>>();
  const waiting: (() => void)[] = [];
  let running = 0;
  const turn = (): Promise<void> => {
    if (running < lookupsAtOnce) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((go) => waiting.push(go));
  };
  const over = (name: string): void => {
    asked.delete(name);
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };
  const begin = (name: string): Promise<readonly Address[]> => {
    const found = turn()
      .then(() => resolve(name))
      .finally(() => over(name));
    asked.set(name, found);
    return found;
  };
  return (name: string): Promise<readonly Address[]> => asked.get(name) ?? begin(name);
}

/**
 * Looks the host up once, and connects to what it found and to nothing else: a name that leads somewhere else a moment
 * later (DNS rebinding) leads nowhere. Where one of the addresses may not be reached, none is. No proxy, no connection
 * of an earlier request; of the answer only the head is read.
 */
export const pinnedPost = ({ allowed, resolve = byResolver }: Options): Post => {
  const lookUp = fewLookups(resolve);
  return async (url, { headers, body }, signal) => {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const family = isIP(host);
    const known = family === 0 ? lookUp(host).catch(unknown) : Promise.resolve([{ address: host, family }]);
    const found = await Promise.race([known, aborted(signal)]);
    if (found.length === 0) return unknown();
    if (!found.every(({ address }) => mayReach(url, address, allowed)))
      throw new Error("The host has an address that AGENTICORE_NOTIFY_ALLOWED does not name.");
    const options = { headers: { ...headers, "content-length": Buffer.byteLength(body) }, signal, found };
    return await Promise.race([send(url, options, body), aborted(signal)]);
  };
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
    // Unheard, an answer of 101 ends the connection and tells nobody.
    request.once("upgrade", ({ statusCode = 0 }, socket) => {
      socket.destroy();
      resolve(statusCode);
    });
    // More than one may come, and one that nobody hears ends the process.
    request.on("error", (error: NodeJS.ErrnoException) => {
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
