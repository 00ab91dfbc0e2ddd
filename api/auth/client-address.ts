import type { Context } from "hono";
import type { ApiEnv } from "../asked.ts";

/**
 * Where a request comes from: the connection's other end, or what our own proxy has written last into `header`. Of an IPv6
 * address its first 64 bits, which is what one customer has at least (RFC 6177). Undefined where nothing tells.
 */
export function clientAddress(c: Context<ApiEnv>, header: string | undefined): string | undefined {
  const told = header === undefined ? c.env?.incoming?.socket?.remoteAddress : c.req.header(header)?.split(",").at(-1);
  const address = told
    ?.trim()
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, "");
  if (!address) return undefined;
  return address.includes(":") ? network(address) : address.slice(0, 64);
}

function network(address: string): string {
  const [head = "", tail] = address.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return groups
    .slice(0, 4)
    .map((group) => group.slice(0, 4).replace(/^0+(?=.)/, ""))
    .join(":");
}
