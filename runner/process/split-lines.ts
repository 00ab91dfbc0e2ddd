import { fromJson } from "../../shared/json.ts";

/** One line of output. */
export type Line = Readonly<{
  /** Without its newline; what is not UTF-8 reads as U+FFFD. A long line has lost its middle. */
  text: string;
  /** How many bytes of its middle were dropped; 0: the line is whole. */
  dropped: number;
  /** The `type` of a line of stream-json that lost its middle, and so is no JSON any more. */
  type?: string;
}>;

export interface LineSplitter {
  /** The lines that `chunk` ends; its memory may be used again afterwards. */
  push(chunk: Buffer): Line[];
  /** The last line, when no newline ended it. */
  end(): Line[];
}

/** Splits bytes into lines of at most `maxBytes`: of longer ones the two ends are kept, in bounded memory. */
export function lineSplitter(maxBytes = 1024 * 1024): LineSplitter {
  const open = openLine(maxBytes);
  return {
    push(chunk) {
      const lines: Line[] = [];
      let from = 0;
      for (let to = chunk.indexOf(newline); to !== -1; to = chunk.indexOf(newline, from)) {
        if (open.isEmpty() && to - from <= maxBytes) {
          lines.push({ text: chunk.toString("utf8", from, to), dropped: 0 });
        } else {
          open.extend(chunk.subarray(from, to));
          lines.push(open.close());
        }
        from = to + 1;
      }
      if (from < chunk.length) open.extend(chunk.subarray(from));
      return lines;
    },
    end: () => (open.isEmpty() ? [] : [open.close()]),
  };
}

const newline = 0x0a;

/** The line whose end has not come. One buffer serves all: garbage of this size would outgrow the limits it is for. */
function openLine(maxBytes: number) {
  const half = Math.floor(maxBytes / 2);
  let bytes = Buffer.alloc(0);
  let length = 0;
  let dropped = 0;
  const makeRoom = (wanted: number) => {
    if (length + wanted <= bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.min(2 * maxBytes, Math.max(2 * bytes.length, length + wanted)));
    bytes.copy(larger, 0, 0, length);
    bytes = larger;
  };
  /** Only the first and the last half stay. */
  const shorten = () => {
    bytes.copyWithin(half, length - half, length);
    dropped += length - 2 * half;
    length = 2 * half;
  };
  return {
    isEmpty: () => length === 0,
    extend(piece: Buffer) {
      for (let at = 0; at < piece.length; ) {
        if (length === 2 * maxBytes) shorten();
        const part = piece.subarray(at, at + 2 * maxBytes - length);
        makeRoom(part.length);
        length += part.copy(bytes, length);
        at += part.length;
      }
    },
    close(): Line {
      if (length > maxBytes || dropped > 0) shorten();
      const line = dropped > 0 ? longLine() : { text: bytes.toString("utf8", 0, length), dropped };
      length = 0;
      dropped = 0;
      return line;
    },
  };
  function longLine(): Line {
    const [head, tail] = [bytes.toString("utf8", 0, half), bytes.toString("utf8", half, length)];
    const type = /^\s*\{\s*"type"\s*:\s*"([\w.-]{1,64})"/.exec(head)?.[1];
    return {
      text: joined(head, `…[${dropped} bytes dropped]…`, tail),
      dropped,
      ...(type === undefined ? {} : { type }),
    };
  }
}

/**
 * Head and mark and tail, as JSON again where a string was cut. Half an escape at the head's end goes (RFC 8259, 7). Whether
 * the tail begins behind a backslash nobody knows any more: then its first character is the one too many.
 */
function joined(head: string, mark: string, tail: string): string {
  const half = /(?:^|[^\\])(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$/.exec(head.slice(-64))?.[1] ?? "";
  const start = `${half === "" ? head : head.slice(0, -half.length)}${mark}`;
  return [tail, tail.slice(1)].map((end) => start + end).find((line) => fromJson(line) !== undefined) ?? start + tail;
}
