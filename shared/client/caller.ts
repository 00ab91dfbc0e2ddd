import type { z } from "zod";
import type { Clock } from "../clock.ts";
import { AppError, type ErrorCode, errorCodes } from "../error.ts";
import { Problem } from "../problem.ts";
import { retryAfterMs } from "../retry-after.ts";
import type { Secret } from "../secret.ts";
import { NoServer, notOurs } from "./no-server.ts";
import { type OnPostponed, patience } from "./patience.ts";

type Options = Readonly<{
  url: string;
  apiKey: string | Secret | undefined;
  fetch: typeof globalThis.fetch;
  clock: Clock;
  onPostponed: OnPostponed | undefined;
}>;
type Sending = Readonly<{
  /** `GET` without a body, `POST` with one. */
  method?: "DELETE";
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Statuses above 399 that are answers here. */
  allowed?: readonly number[];
  /** Made again when the server asks to come later. Default: what reads. */
  again?: boolean | undefined;
}>;
export type Asking = Readonly<{ signal?: AbortSignal | undefined; again?: boolean | undefined }>;
type Reading<S extends z.ZodType> = Readonly<{ schema: S; signal: AbortSignal | undefined }>;

/** Requests to our own REST API. @throws AppError with what the server's problem says; NoServer. */
export function caller({ url, apiKey, fetch, clock, onPostponed }: Options) {
  const base = url.replace(/\/+$/, "");
  const key = typeof apiKey === "string" ? apiKey : apiKey?.reveal();
  /** What the server has said when to come again, by its error. */
  const postponed = new WeakMap<AppError, number>();
  async function send(path: string, sending: Sending): Promise<Response> {
    const { method, body, signal, again = method === undefined && body === undefined } = sending;
    const wait = patience({ clock, onPostponed });
    for (;;) {
      try {
        return await sendOnce(path, sending);
      } catch (error) {
        if (!again || !(error instanceof AppError)) throw error;
        const afterMs = postponed.get(error);
        if (afterMs === undefined || !(await wait(error, afterMs, signal))) throw error;
      }
    }
  }
  async function sendOnce(path: string, { method, body, headers, signal, allowed = [] }: Sending): Promise<Response> {
    const response = await fetch(`${base}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        accept: "application/json",
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
      redirect: "manual", // a followed redirect would turn a POST into a GET
    }).catch((cause: unknown) => {
      if (signal?.aborted) throw cause;
      throw new NoServer(url, `No server answers at ${url} (${reason(cause)}).`, cause);
    });
    if (response.ok || allowed.includes(response.status)) return response;
    const error = await failure(response, url);
    const isLater = response.status === 429 || response.status === 503;
    const afterMs = isLater ? retryAfterMs(response.headers.get("retry-after"), clock.now()) : undefined;
    if (afterMs !== undefined) postponed.set(error, afterMs);
    throw error;
  }
  const read = async <S extends z.ZodType>(response: Response, schema: S): Promise<z.output<S>> => {
    const body: unknown = await response.json().catch(() => undefined);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw notOurs(url, parsed.error);
  };
  return {
    send,
    /** In how many milliseconds to come again, where the server said so with this error of a call. */
    postponedFor: (error: AppError) => postponed.get(error),
    read,
    get: async <S extends z.ZodType>(path: string, schema: S, { signal, again }: Asking = {}) =>
      read(await send(path, { signal, again }), schema),
    post: async <S extends z.ZodType>(path: string, body: unknown, { schema, signal }: Reading<S>) =>
      read(await send(path, { body, signal }), schema),
    remove: async <S extends z.ZodType>(path: string, { schema, signal }: Reading<S>) =>
      read(await send(path, { method: "DELETE", signal }), schema),
  };
}

/** What was given, as the query of an address. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/** The server's problem as the error it was there; what is no problem document is not ours. */
async function failure(response: Response, url: string): Promise<AppError> {
  const body: unknown = await response.json().catch(() => undefined);
  const problem = Problem.safeParse(body);
  if (problem.success && isCode(problem.data.code)) {
    const { code, detail, remedy, errors = [], request_id } = problem.data;
    const seen = code === "internal" && request_id ? `${detail} (request ${request_id})` : detail;
    return new AppError(code, seen, { remedy, errors });
  }
  if (response.status >= 500)
    return new NoServer(url, `${url} answered ${response.status}: the server is down, and a proxy answers for it.`);
  const where = response.headers.get("location");
  return new NoServer(
    url,
    where
      ? `${url} sends on to ${where}; requests are not sent on.`
      : `What answers at ${url} is not Agenticore (it answered ${response.status}).`,
  );
}

const isCode = (code: string): code is ErrorCode => code in errorCodes;

/** The system's word for it (`ECONNREFUSED`), which fetch hides in the cause. */
function reason(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
