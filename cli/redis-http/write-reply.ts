import { isError, type RedisReply } from "./redis-reply.ts";

/** JSON with strings as text, or as base64 so that bytes that are no text come through; or Redis's own protocol. */
export type Format = Encoding | "resp2";
type Encoding = "text" | "base64";

/** `{"result":…}` or `{"error":"…"}`, as Upstash's REST protocol has it. */
export const toJson = (reply: RedisReply, encoding: Encoding): string =>
  isError(reply) ? JSON.stringify({ error: reply.message }) : `{"result":${toValue(reply, encoding, "top")}}`;

/** The list that answers a pipeline or a transaction. */
export const toJsonList = (replies: readonly RedisReply[], encoding: Encoding): string =>
  `[${replies.map((reply) => toJson(reply, encoding)).join(",")}]`;

/** Of integers the digits are written: JSON has no bounds, and a number of JavaScript has 53 bits. */
function toValue(reply: RedisReply, encoding: Encoding, place: "top" | "inside"): string {
  if (reply === null) return "null";
  if (typeof reply === "string") return reply;
  if (Buffer.isBuffer(reply)) return JSON.stringify(toText(reply, encoding, place));
  if (reply instanceof Error) return JSON.stringify({ error: reply.message });
  return `[${(reply as readonly RedisReply[]).map((item) => toValue(item, encoding, "inside")).join(",")}]`;
}

/** The status OK stays as it is, but not inside a list: there Upstash's client decodes every string. */
function toText(bytes: Buffer, encoding: Encoding, place: "top" | "inside"): string {
  const text = bytes.toString();
  return encoding === "text" || (place === "top" && text === "OK") ? text : bytes.toString("base64");
}

const crlf = "\r\n";

/** RESP2 (redis.io/docs/latest/develop/reference/protocol-spec): OK as a status, every other text as a bulk string. */
export function toResp2(reply: RedisReply): Buffer<ArrayBuffer> {
  if (reply === null) return Buffer.from(`$-1${crlf}`);
  if (typeof reply === "string") return Buffer.from(`:${reply}${crlf}`);
  if (reply instanceof Error) return Buffer.from(`-${reply.message.replace(/[\r\n]+/g, " ")}${crlf}`);
  if (Buffer.isBuffer(reply))
    return reply.toString() === "OK"
      ? Buffer.from(`+OK${crlf}`)
      : Buffer.concat([Buffer.from(`$${reply.length}${crlf}`), reply, Buffer.from(crlf)]);
  const items = (reply as readonly RedisReply[]).map(toResp2);
  return Buffer.concat([Buffer.from(`*${items.length}${crlf}`), ...items]);
}
