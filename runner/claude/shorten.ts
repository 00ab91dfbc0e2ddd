/** At most `maxBytes` of UTF-8, cut at the end, with a mark that tells how much is missing. */
export function shorten(text: string, maxBytes: number): string {
  // A UTF-16 unit takes at most three bytes, so most texts need not be measured.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const kept = whole(bytes.subarray(0, maxBytes));
  return `${kept}… [${bytes.length - Buffer.byteLength(kept)} bytes left out]`;
}

/** At most about `maxBytes` of UTF-8: the beginning and the end, with a marker in the middle. */
export function cutMiddle(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const half = Math.floor((maxBytes - 64) / 2);
  const head = whole(bytes.subarray(0, half));
  const tail = bytes
    .subarray(bytes.length - half)
    .toString()
    .replace(/^�+/, "");
  const left = bytes.length - Buffer.byteLength(head) - Buffer.byteLength(tail);
  return `${head}\n… [${left} bytes left out] …\n${tail}`;
}

/** Without the piece of a character that a cut may leave at the end. */
const whole = (bytes: Buffer): string => bytes.toString().replace(/�+$/, "");
