import type { Clock } from "../../shared/clock.ts";
import { Refusal } from "./refusal.ts";

/** A refusal that comes while the client still sends is not seen by it: within these bounds the rest is read and dropped. */
const maxDropBytes = 16 * 1024 * 1024;
const maxDropMs = 2_000;

/** @throws Refusal 413 for more than `maxBytes`, 400 where it breaks off. */
export async function readBody(request: Request, maxBytes: number, clock: Clock): Promise<string> {
  // Node holds a body to the length that it announces; as a whole it is read without the making of a stream.
  const announced = Number(request.headers.get("content-length") ?? Number.NaN);
  if (announced <= maxBytes) return request.text().catch(brokeOff);
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  const read = async () => {
    const piece = await reader?.read().catch(brokeOff);
    size += piece?.value?.length ?? 0;
    return piece?.value;
  };
  for (let piece = await read(); piece; piece = await read()) {
    pieces.push(piece);
    if (size <= maxBytes) continue;
    await dropRest(read, () => size > maxBytes + maxDropBytes, clock);
    throw new Refusal(413, `ERR max request size exceeded: at most ${maxBytes} bytes are taken`);
  }
  return Buffer.concat(pieces).toString();
}

async function dropRest(read: () => Promise<unknown>, isEnough: () => boolean, clock: Clock): Promise<void> {
  const over = new AbortController();
  const drop = async () => {
    while (!isEnough() && !over.signal.aborted && (await read()));
  };
  await Promise.race([drop(), clock.sleep(maxDropMs, over.signal)]).finally(() => over.abort());
}

function brokeOff(): never {
  throw new Refusal(400, "ERR the body broke off");
}
