import { list } from "../config-value.ts";
import { Secret } from "../secret.ts";

const base64 = /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const isSecret = (text: string): boolean =>
  text.startsWith("whsec_") ? base64.test(text) && isLong(keyOf(text)) : isLong(keyOf(text));
/** The bounds of Standard Webhooks. */
const isLong = ({ length }: Uint8Array): boolean => length >= 24 && length <= 64;

/** AGENTICORE_NOTIFY_SECRET: one secret, or several while one takes the place of another. */
export const signingSecrets = list
  .refine(
    (items) => items.every(isSecret),
    "must be whsec_ and base64 of 24 to 64 bytes, or a text as long: `echo whsec_$(openssl rand -base64 32)` makes one",
  )
  .transform((items) => items.map((item) => new Secret(item)));

/** Behind `whsec_` the key is in base64; any other text is the key itself. */
function keyOf(text: string): Uint8Array<ArrayBuffer> {
  if (!text.startsWith("whsec_")) return new TextEncoder().encode(text);
  return Uint8Array.from(atob(text.slice(6)), (character) => character.charCodeAt(0));
}

type Signed = Readonly<{ id: string /** Seconds since 1970. */; timestamp: number; body: string }>;

/** What `webhook-signature` is: one signature of each secret (github.com/standard-webhooks/standard-webhooks, version 1). */
export async function signatures({ id, timestamp, body }: Signed, secrets: readonly Secret[]): Promise<string> {
  const bytes = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const each = secrets.map(async (secret) => {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", keyOf(secret.reveal()), algorithm, false, ["sign"]);
    const digest = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
    return `v1,${btoa(String.fromCharCode(...digest))}`;
  });
  return (await Promise.all(each)).join(" ");
}
