import type { Scalar, Shape } from "./otlp-schema.ts";

/** A value may hold values; what is nested deeper is left out. */
const deepest = 32;

/**
 * A message of OTLP in protobuf, from its JSON mapping. What is not of the shape is left out: the sender is not trusted.
 */
export function encodeOtlp(message: unknown, shape: Shape, depth = 0): Buffer {
  if (typeof message !== "object" || message === null || depth > deepest) return Buffer.alloc(0);
  const parts = Object.entries(shape).flatMap(([name, [number, kind, repeated]]) => {
    const value = Object.hasOwn(message, name) ? (message as Record<string, unknown>)[name] : undefined;
    if (value === undefined || value === null) return [];
    if (typeof kind === "string") return repeated ? packed(number, kind, value) : scalar(number, kind, value);
    const inner = typeof kind === "function" ? kind() : kind;
    const values = repeated ? (Array.isArray(value) ? value : []) : [value];
    return values.flatMap((one) => delimited(number, encodeOtlp(one, inner, depth + 1)));
  });
  return Buffer.concat(parts);
}

const wireTypes = { varint: 0, bool: 0, fixed64: 1, double: 1, fixed32: 5 } as const;

function scalar(number: number, kind: Scalar, value: unknown): Buffer[] {
  switch (kind) {
    case "string":
      return delimited(number, Buffer.from(String(value)));
    case "id":
      return delimited(number, Buffer.from(String(value), "hex"));
    case "base64":
      return delimited(number, Buffer.from(String(value), "base64"));
    default:
      return [tag(number, wireTypes[kind]), bare(kind, value)];
  }
}

/** Repeated numbers stand together in one field. */
function packed(number: number, kind: Scalar, values: unknown): Buffer[] {
  if (!Array.isArray(values) || values.length === 0) return [];
  return delimited(number, Buffer.concat(values.map((value) => bare(kind, value))));
}

function bare(kind: Scalar, value: unknown): Buffer {
  if (kind === "bool") return varint(value === true ? 1n : 0n);
  if (kind === "varint") return varint(integer(value));
  const out = Buffer.alloc(kind === "fixed32" ? 4 : 8);
  if (kind === "fixed32") out.writeUInt32LE(Number(BigInt.asUintN(32, integer(value))));
  else if (kind === "double") out.writeDoubleLE(Number(value));
  else out.writeBigUInt64LE(BigInt.asUintN(64, integer(value)));
  return out;
}

/** JSON spells 64 bits as a string or a number; what is neither counts as nothing. */
function integer(value: unknown): bigint {
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : 0n;
}

const delimited = (number: number, content: Buffer): Buffer[] => [
  tag(number, 2),
  varint(BigInt(content.length)),
  content,
];
const tag = (number: number, wireType: number): Buffer => varint(BigInt(number * 8 + wireType));

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  do {
    const more = left > 127n;
    bytes.push(Number(left & 127n) | (more ? 128 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Buffer.from(bytes);
}
