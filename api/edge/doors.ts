import type { JobStore } from "../../shared/store.ts";
import { isStream } from "../answer-headers.ts";
import { createApp } from "../app.ts";
import { assemble, type DoorOptions } from "../assemble.ts";

type Options = Omit<DoorOptions, "store" | "outlook" | "sweepMs"> & Readonly<{ openStore: () => JobStore }>;
/** `around` is put around the store of this request. */
type Answer = (request: Request, around?: (store: JobStore) => JobStore) => Promise<Response>;

/**
 * An event stream ends after this, before something on the way does it unseen: a client that is gone is found out at the
 * next write only, and what a request may ask of the store is limited.
 */
const streamMs = 300_000;

/**
 * Answers requests where connections, timers and streams belong to the request that made them
 * (developers.cloudflare.com/workers/runtime-apis/context): an app serves one request at a time, each with a store of its
 * own, and is kept for the next, with what it knows of issuers and keys.
 * @throws AppError `invalid_request` where the configuration does not hold together.
 */
export function openDoors({ openStore, ...options }: Options): Answer {
  const idle = [openDoor(options)];
  return async (request, around = (store) => store) => {
    const door = idle.pop() ?? openDoor(options);
    const response = await door(request, around(openStore()));
    // A stream goes on after its answer has begun, and so does what it asks of the store.
    if (!isStream(response)) idle.push(door);
    return response;
  };
}

type Door = (request: Request, store: JobStore) => Promise<Response>;

function openDoor(options: Omit<Options, "openStore">): Door {
  let current: JobStore | undefined;
  const store = new Proxy({} as JobStore, { get: (_, name) => current && Reflect.get(current, name) });
  const app = createApp(assemble({ ...options, store }, { host: everywhere, streamMs, isEdge: true }));
  return async (request, own) => {
    current = own;
    return await app.fetch(request);
  };
}

/** A Worker is never on loopback. */
const everywhere = "0.0.0.0";
