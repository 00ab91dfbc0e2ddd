/** An address as a number; that of IPv4 written as IPv6 (RFC 4291, 2.5.5.2) is of IPv4. */
type Address = Readonly<{ bits: bigint; size: 32 | 128 }>;

/** Undefined for what is no address; brackets around IPv6 may be there. */
export function parseAddress(text: string): Address | undefined {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) return parseV4(text);
  const bare = text.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  const url = `http://[${bare}]/`;
  if (!bare.includes(":") || !URL.canParse(url)) return undefined;
  const bits = v6Bits(new URL(url).hostname.slice(1, -1));
  return bits >> 32n === 0xffffn ? { bits: bits & 0xffff_ffffn, size: 32 } : { bits, size: 128 };
}

function parseV4(text: string): Address | undefined {
  const parts = text.split(".").map(Number);
  if (parts.some((part) => part > 255)) return undefined;
  return { bits: parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n), size: 32 };
}

/** As the URL parser writes it: groups in hex, one gap at most. */
function v6Bits(address: string): bigint {
  const [left = "", right] = address.split("::");
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const [head, tail] = [groups(left), groups(right)];
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  return all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** Whether the network (`10.0.0.0/8`, `fd00::/8`, or one address) has this address; false for what is no network. */
export function hasAddress(network: string, address: string): boolean {
  const [start = "", length] = network.split("/");
  const [first, asked] = [parseAddress(start), parseAddress(address)];
  if (!first || first.size !== asked?.size) return false;
  const kept = length === undefined ? first.size : Number(length);
  if (!/^\d*$/.test(length ?? "") || kept > first.size) return false;
  const rest = BigInt(first.size - kept);
  return first.bits >> rest === asked.bits >> rest;
}
