import { createConnection, type Socket } from "node:net";
import { type RunningApi, startApi } from "../../api/server.node.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { resolveConfig } from "../../shared/config.ts";
import { silentLog } from "../../shared/log.ts";
import type { JobStore } from "../../shared/store.ts";
import { aStore, someProfiles } from "./an-api.ts";

export type ServedApi = AsyncDisposable & Readonly<{ api: RunningApi; url: string; store: JobStore }>;

export const aConfig = (env: Readonly<Record<string, string>> = {}) =>
  resolveConfig({ env, at: { home: "/home/somebody", hostName: "box", kubernetes: false } }).config;

/** The real server on a free port of the loopback address, over a store of its own. */
export async function aServedApi(env: Readonly<Record<string, string>> = {}): Promise<ServedApi> {
  const { store, close } = await aStore();
  const api = await startApi({
    config: aConfig(env),
    store,
    profiles: someProfiles,
    clock: systemClock,
    log: silentLog,
    version: "0.1.0",
    host: "127.0.0.1",
    port: 0,
  });
  return {
    api,
    url: api.url,
    store,
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await close();
    },
  };
}

/** One TCP connection, so that what follows a request on it can be seen. */
export async function aConnection(port: number): Promise<Disposable & { send: Send; socket: Socket }> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let received = "";
  let wake = () => {};
  socket.on("data", (data) => {
    received += data.toString("latin1");
    wake();
  });
  socket.on("close", () => wake());
  socket.on("error", () => wake());
  const send: Send = async (bytes) => {
    socket.write(bytes);
    for (;;) {
      const whole = /^HTTP\/1\.1 (\d+)[^\r]*\r\n([\s\S]*?)\r\n\r\n/.exec(received);
      const length = Number(/^content-length: (\d+)/im.exec(whole?.[2] ?? "")?.[1] ?? 0);
      if (whole && received.length >= whole[0].length + length) {
        const body = received.slice(whole[0].length, whole[0].length + length);
        received = received.slice(whole[0].length + length);
        return { status: Number(whole[1]), head: whole[2] ?? "", body };
      }
      if (socket.destroyed) throw new Error(`the connection was closed after: ${received.slice(0, 200)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { send, socket, [Symbol.dispose]: () => socket.destroy() };
}
type Send = (bytes: string | Uint8Array) => Promise<{ status: number; head: string; body: string }>;
