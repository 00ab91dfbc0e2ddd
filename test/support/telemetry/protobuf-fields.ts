/** A field as it stands on the wire: bytes for what has a length, else the number. */
export type Field = Readonly<{ number: number; value: Buffer | bigint }>;

/** Reads one message by the wire format alone (protobuf.dev/programming-guides/encoding). */
export function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new Error("the message ends inside a number");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const step = (bytes: number) => {
    at += bytes;
    return at - bytes;
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    const read: Record<number, () => Buffer | bigint> = {
      0: varint,
      1: () => message.readBigUInt64LE(step(8)),
      2: () => {
        const length = Number(varint());
        return message.subarray(step(length), at);
      },
      5: () => BigInt(message.readUInt32LE(step(4))),
    };
    const value = read[tag % 8]?.();
    if (value === undefined || at > message.length) throw new Error(`field ${number} is not whole`);
    fields.push({ number, value });
  }
  return fields;
}

/** All messages behind a path of field numbers. */
export const messagesAt = (message: Buffer, ...path: readonly number[]): Buffer[] =>
  path.reduce<Buffer[]>(
    (messages, number) =>
      messages.flatMap((one) =>
        fieldsOf(one).flatMap((field) =>
          field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
        ),
      ),
    [message],
  );
