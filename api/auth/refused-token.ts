import { AppError } from "../../shared/error.ts";

/** The token is refused: what RFC 6750 (3.1) calls `invalid_token`. */
export class RefusedToken extends AppError {
  constructor(why: string, cause?: unknown) {
    super("unauthorized", `This token is not valid: ${why}.`, {
      cause,
      remedy: "Get a new token from an authorization server that the resource metadata names.",
    });
  }
}
