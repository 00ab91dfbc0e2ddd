import { connect, type Socket } from "node:net";

/** One request as it goes over the wire, and the status that it must be answered with. */
export type Shot = Readonly<{ bytes: string; status: number }>;
/** `p99` in milliseconds; `requests` are all, also those of the warm-up. */
export type Load = Readonly<{ perSecond: number; p99: number; requests: number }>;

type Options = Readonly<{ port: number; shot: Shot; inFlight: number; warmUpMs: number; ms: number }>;

/**
 * Sends the same request again and again on so many connections, on each the next when the last is answered. Written on
 * sockets, since a client of HTTP costs as much as the server, and the machine is one. @throws Error for another status.
 */
export async function load({ port, shot, inFlight, warmUpMs, ms }: Options): Promise<Load> {
  const lines = await Promise.all(Array.from({ length: inFlight }, () => openLine(port)));
  const from = performance.now() + warmUpMs;
  const times: number[] = [];
  let [last, requests] = [from, 0];
  const isOver = (now: number) => now >= from + ms && times.length >= leastAnswers;
  await Promise.all(
    lines.map(async (line) => {
      for (let now = performance.now(); !isOver(now); ) {
        const status = await line.ask(shot.bytes);
        const then = performance.now();
        requests += 1;
        if (status !== shot.status) throw new Error(`answered ${status}: ${line.last()}`);
        if (now >= from) times.push(then - now);
        now = last = then;
      }
    }),
  ).finally(() => {
    for (const line of lines) line.close();
  });
  times.sort((a, b) => a - b);
  const perSecond = (times.length * 1_000) / (last - from);
  return { perSecond, p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN, requests };
}

/** On a machine that does nothing else this is no time. */
const leastAnswers = 20;

/** One connection; answers are read as far as it takes to know their end (RFC 9112, 6). */
async function openLine(port: number) {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let received = "";
  let answered: (status: number) => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    received += text;
    if (isWhole(received)) answered(Number(received.slice(9, 12)));
  });
  const broken = () => failed(new Error(`the connection was closed after: ${received.slice(0, 200)}`));
  socket.on("close", broken).on("error", broken);
  return {
    ask: (bytes: string): Promise<number> => {
      received = "";
      socket.write(bytes);
      return new Promise((resolve, reject) => {
        answered = resolve;
        failed = reject;
      });
    },
    last: () => received.slice(0, 2_000),
    close: () => socket.destroy(),
  };
}

function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1];
  if (length !== undefined) return text.length >= head + 4 + Number(length);
  return text.endsWith("\r\n0\r\n\r\n") || text.slice(head) === "\r\n\r\n0\r\n\r\n";
}
