import { AppError } from "../../shared/error.ts";

/** Too many requests, or too many failed attempts; `seconds` is when to come back (RFC 9110, 10.2.3). */
export class RateLimited extends AppError {
  readonly seconds: number;
  constructor(sentence: string, waitMs: number) {
    const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
    super("rate_limited", sentence, { remedy: `Try again in ${seconds} s, as \`Retry-After\` says.` });
    this.seconds = seconds;
  }
}
