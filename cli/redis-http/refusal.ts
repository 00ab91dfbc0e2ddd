type Status = 400 | 401 | 403 | 404 | 405 | 413 | 429 | 503;

/** An answer that is no result: a status of Upstash's REST protocol and a text for its `error` field. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: Status;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: Status, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
  }
}

/** Redis cannot serve now. What was sent may have taken effect or not: only what can be repeated should be repeated. */
export const unavailable = (text: string): Refusal => new Refusal(503, `ERR ${text}`, { "retry-after": "1" });
