import type { Context } from "hono";
import { AppError } from "../../shared/error.ts";
import { toProblem } from "../../shared/problem.ts";
import type { ApiEnv, Caller } from "../asked.ts";
import { field } from "../field.ts";

/** Who somebody is by what was given; undefined where this way does not know it. */
export type Way = (given: string) => Promise<Caller | undefined> | Caller | undefined;
/** What may be asked of a key in a header of its own, and of what comes as a bearer. */
export type Ways = Readonly<{ header: readonly Way[]; bearer: readonly Way[] }>;

/** What came with a request to tell who asks, and what it may be. */
export class Credential {
  readonly text: string;
  readonly #ways: readonly Way[];

  constructor(text: string, ways: readonly Way[]) {
    this.text = text;
    this.#ways = ways;
  }

  /** @throws what the ways throw. */
  async recognise(): Promise<Caller | undefined> {
    for (const way of this.#ways) {
      const caller = await way(this.text);
      if (caller) return caller;
    }
    return undefined;
  }

  /** What cannot be found out now is not refused. */
  isStillGood(): Promise<boolean> {
    return this.recognise().then(
      (caller) => caller !== undefined,
      (error: unknown) => !isRefusal(error),
    );
  }
}

/** `X-API-Key` first, then `Authorization: Bearer` (RFC 6750, 2.1); never the address, which ends up in logs. */
export function credentialsOf(c: Context<ApiEnv>, ways: Ways): readonly Credential[] {
  const header = field(c, "x-api-key")?.trim() ?? "";
  const bearer = /^bearer +(\S+) *$/i.exec(field(c, "authorization") ?? "")?.[1] ?? "";
  const found: Credential[] = [];
  if (header !== "") found.push(new Credential(header, ways.header));
  if (bearer !== "") found.push(new Credential(bearer, ways.bearer));
  return found;
}

/** An issuer that cannot be asked refuses nobody, though its code is the same. */
export const isRefusal = (error: unknown): boolean => error instanceof AppError && toProblem(error).status === 401;
