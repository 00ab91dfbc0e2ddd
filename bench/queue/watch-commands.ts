import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Commands that Redis ran: those that clients sent, by name, and how many scripts ran within them. */
export type Commands = Readonly<{ sent: number; inScripts: number; names: ReadonlyMap<string, number> }>;

/** `+1700000000.123456 [0 127.0.0.1:50000] "get" "key"`, or `[0 lua]` for what a script ran. */
const line = /^\+[\d.]+ \[\d+ (\S+)\] "([^"]*)"(?: "([^"]*)")?/;

/**
 * Counts what Redis runs during `act`, but for the counting itself (redis.io/docs/latest/commands/monitor). The lines are
 * read here: ioredis takes those that come with the first answer for answers of its own.
 */
export async function watchCommands(url: string, act: () => Promise<unknown>): Promise<Commands> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const lines = createInterface({ input: socket });
  const over = `over-${Math.random()}`;
  const seen = Promise.withResolvers<void>();
  const names = new Map<string, number>();
  let [sent, inScripts] = [0, 0];
  await once(socket, "connect");
  socket.write("MONITOR\r\n");
  await once(lines, "line"); // +OK
  lines.on("line", (text) => {
    const [, source, command = "", first] = line.exec(text) ?? [];
    const name = command.toUpperCase();
    if (first === over) seen.resolve();
    else if (source === "lua") inScripts += 1;
    else if (source) {
      sent += 1;
      names.set(name, (names.get(name) ?? 0) + 1);
    }
  });
  await act();
  // Whatever came before it has been counted.
  const last = connect(Number(port), hostname);
  last.write(`ECHO ${over}\r\n`);
  await seen.promise;
  last.destroy();
  socket.destroy();
  return { sent, inScripts, names };
}
