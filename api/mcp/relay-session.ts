import { canonicalJson, sha256 } from "../../shared/digest.ts";
import { AppError } from "../../shared/error.ts";
import type { Caller } from "../asked.ts";

/** 244 random bits: a session is given by us and never by a client. */
export const newSession = (newId: () => string): string => `${newId()}${newId()}`.replaceAll("-", "");

/** Whatever is no session never reaches the store. */
export const isSession = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/**
 * Who may send to a stream: whoever opened it, with the same rights. What is sent is done with the rights of the stream, so
 * another key or a token with other scopes of the same person is somebody else.
 */
export const relayOwner = ({ tenant, key, scopes, reach }: Caller): Promise<string> =>
  sha256(canonicalJson({ tenant, scopes: [...scopes], ...(key ? { key } : {}), ...(reach ? { reach } : {}) }));

/** One text for what is over, what never was, and what is another's. */
export const noSuchSession = (): AppError =>
  new AppError("not_found", "There is no such session here.", {
    remedy: "Open a new stream with GET /sse, and post to the address that its `endpoint` event names.",
  });
