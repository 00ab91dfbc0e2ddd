import { mkdir } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

const mostConnections = 64;

/**
 * Sockets `FOLDER/PORT` that lead to these ports of our loopback, for a job that has no network. The folder is the job's:
 * what it does with the sockets there reaches nobody.
 * @throws Error from node:net, such as for a path that is too long for a socket (108 bytes, unix(7)).
 */
export async function openBridge(folder: string, ports: readonly number[]): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const open = new Set<Socket>();
  const servers = await Promise.all(ports.map((port) => bridge(join(folder, String(port)), port, open)));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    },
  };
}

function bridge(path: string, port: number, open: Set<Socket>): Promise<Server> {
  const server = createServer((from) => {
    const to = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(socket);
      socket.on("error", () => other.destroy());
      socket.once("close", () => open.delete(socket));
      socket.pipe(other);
    }
  });
  server.maxConnections = mostConnections;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}
