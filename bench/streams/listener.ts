import { connect } from "node:net";

/** One client of an event stream. */
export type Listener = Readonly<{
  /** When the text came, as `performance.now()`. @throws Error where the connection is closed before, or after two minutes. */
  heard: (text: string) => Promise<number>;
  close: () => void;
}>;

const patienceMs = 120_000;

/** Opens the stream and waits for its first event. Written on a socket, since 2,000 of them share the machine with the server. */
export async function listen(port: number, path: string): Promise<Listener> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("latin1");
  let tail = "";
  let wanted: { text: string; found: (at: number) => void } | undefined;
  let broken: (error: Error) => void = () => undefined;
  socket.on("data", (text: string) => {
    tail = (tail + text).slice(-4_096);
    if (!wanted || !tail.includes(wanted.text)) return;
    wanted.found(performance.now());
    wanted = undefined;
  });
  const end = () => broken(new Error(`the stream of ${path} was closed: ${tail.slice(0, 300)}`));
  socket.on("close", end).on("error", end);
  const heard = (text: string) =>
    new Promise<number>((found, failed) => {
      const late = setTimeout(
        () => failed(new Error(`${path} did not tell of ${text} within ${patienceMs} ms`)),
        patienceMs,
      );
      broken = (error) => {
        clearTimeout(late);
        failed(error);
      };
      wanted = {
        text,
        found: (at) => {
          clearTimeout(late);
          found(at);
        },
      };
    });
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n`);
  await heard("event: job.claimed");
  return { heard, close: () => socket.destroy() };
}
