import type { Reach, Scope } from "../shared/api-key.ts";
import type { Turn } from "../shared/turn.ts";

/** Who asks: what they may see is what their tenant owns. */
export type Caller = Readonly<{
  tenant: string;
  name: string;
  /** What verbs ask for, each for its own. */
  scopes: readonly Scope[];
  /** What tells keys apart in the log, and is no secret. */
  key?: string;
  /** What submissions are narrowed to. */
  reach?: Reach;
  /** Requests a minute, of a key with a rate of its own; 0: as many as it likes. */
  rate?: number;
}>;

/** The bytes of a request, piece by piece for whoever reads next; undefined at the end. */
export type IncomingBody = Readonly<{
  next: () => Promise<Uint8Array | undefined>;
  /** All of it at once, instead of piece by piece, where its length in bytes was told. */
  whole: (length: number) => Promise<Uint8Array>;
  /** Its end was reached, or there is none. */
  isOver: () => boolean;
}>;

/** The request as Node's server has it. */
export type NodeRequest = Readonly<{
  socket?: Readonly<{ remoteAddress?: string | undefined }>;
  /** By their names in lower case. */
  headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** Its body, where it is a stream. */
  destroyed?: boolean;
  on?: (event: "data" | "close", listener: (piece: Uint8Array) => void) => unknown;
}>;

/** A turn of a key that was asked for, beside what is done meanwhile (api/auth/limit-rate.ts). */
export type TakenTurn = {
  readonly limit: number;
  answer: Promise<Turn | undefined>;
  told: Turn | undefined;
  isOver: boolean;
};

/** What middlewares put beside a request, and what Node's server gives with it. */
export type ApiEnv = {
  Bindings: { incoming?: NodeRequest };
  Variables: { asked: Asked; secureHeadersNonce?: string };
};

/** What comes to be known of one request: in one place, since each variable of a `Context` is an entry in a map of its own. */
export class Asked {
  readonly requestId: string;
  /** From authentication on. */
  caller!: Caller;
  /** The key or token that it came with; none where nobody is asked for one. */
  credential: Readonly<{ isStillGood: () => Promise<boolean> }> | undefined;
  /** The turn that was taken for it, where turns are limited. */
  turn: TakenTurn | undefined;
  /** Until it is looked for: none. */
  body: IncomingBody = noBody;
  /** Of the body, once it was read. */
  text: string | undefined;
  /** The answer, where it was made with all its headers. */
  whole: Response | undefined;
  resourceMetadata: string | undefined;

  constructor(requestId: string) {
    this.requestId = requestId;
  }
}

export const noBody: IncomingBody = {
  isOver: () => true,
  whole: async () => new Uint8Array(),
  next: async () => undefined,
};
