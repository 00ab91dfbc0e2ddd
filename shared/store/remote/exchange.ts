import type { Clock } from "../../clock.ts";
import { AppError, type ErrorCode, errorCodes, LeaseLost } from "../../error.ts";
import { Problem } from "../../problem.ts";
import type { RunnerCall } from "../../runner-door/calls.ts";
import { leaseHeader, protocolHeader, runnerPath, runnerProtocol } from "../../runner-door/protocol.ts";
import type { Secret } from "../../secret.ts";
import { certificateError } from "../redis/certificate-error.ts";
import { Passing } from "../redis/patience.ts";
import { after } from "../redis/rest-client.ts";

export type ExchangeOptions = Readonly<{
  /** Without a slash at the end. */
  base: string;
  /** `the API at HOST`, for people. */
  place: string;
  key?: Secret | undefined;
  clock: Clock;
  fetch: typeof fetch;
  /** Told of what no further try would change: the key, the version, what is there. */
  onRefused: (error: AppError) => void;
}>;

export type Exchange = (method: RunnerCall, args: readonly unknown[], signal: AbortSignal) => Promise<Response>;

/**
 * One request for one call. @throws Passing where request or answer may be lost, or the other side may answer later;
 * LeaseLost; AppError with the code, sentence and remedy of the problem document; `store_unavailable` where what answers is no API.
 */
export function exchanger({ base, place, key, clock, fetch, onRefused }: ExchangeOptions): Exchange {
  async function sent(method: RunnerCall, args: readonly unknown[], signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${base}${runnerPath}${method}`, {
        method: "POST",
        headers: {
          accept: "application/json",
          "content-type": "application/json",
          [protocolHeader]: runnerProtocol,
          ...(key ? { authorization: `Bearer ${key.reveal()}` } : {}),
        },
        body: JSON.stringify(args),
        // Followed, a redirect would take the key elsewhere.
        redirect: "manual",
        signal,
      });
    } catch (error) {
      const untrusted = certificateError(error, place);
      if (untrusted)
        throw new AppError("store_unavailable", untrusted.message, {
          remedy:
            "Let AGENTICORE_URL name the host as the certificate does; name a CA of your own in NODE_EXTRA_CA_CERTS.",
        });
      throw new Passing(reasonOf(error));
    }
  }
  return async (method, args, signal) => {
    const response = await sent(method, args, signal);
    if (response.ok) return response;
    const text = await response.text().catch((error: unknown) => {
      throw new Passing(reasonOf(error));
    });
    const error = failure(response, problemIn(text));
    if (error instanceof AppError && isFinal(response, method)) onRefused(error);
    throw error;

    function failure({ status, headers }: Response, problem: Problem | undefined): Error {
      if (status === 409 && headers.get(leaseHeader) === "lost") return new LeaseLost(jobOf(args));
      if (status >= 300 && status < 400) return noApi(place, "answers with a redirect");
      const isBusy = status === 429 || status === 408 || status === 502 || status === 503 || status === 504;
      if (isBusy || (status >= 500 && !problem))
        return new Passing(problem?.detail ?? `HTTP ${status}`, after(headers.get("retry-after"), clock));
      if (!problem || (status === 404 && !headers.has(protocolHeader))) return noApi(place, `answers HTTP ${status}`);
      const { detail, remedy, errors = [], request_id } = problem;
      const code = isCode(problem.code) ? problem.code : "internal";
      if (code === "internal" && request_id)
        return new AppError(code, `${place}: ${detail} (request ${request_id})`, { remedy });
      const isRefusal = code === "unauthorized" || code === "forbidden" || status === 426;
      return new AppError(code, isRefusal ? `${place} does not take this runner's call: ${detail}` : detail, {
        ...{ remedy, errors },
      });
    }
  };
}

/** A key that is not taken, or may not claim, and another version, are not mended by waiting. */
function isFinal({ status }: Response, method: RunnerCall): boolean {
  if (status === 401 || status === 426) return true;
  return status === 403 && (method === "claim" || method === "announce" || method === "ping");
}

const jobOf = ([lease]: readonly unknown[]): string =>
  typeof lease === "object" && lease !== null && "job" in lease ? String(lease.job) : "";

const noApi = (place: string, does: string) =>
  new AppError("store_unavailable", `${place} ${does} and is no Agenticore that runners can work with.`, {
    remedy: "Check AGENTICORE_URL; a server of an earlier version is to be updated before its runners.",
  });

const isCode = (code: string): code is ErrorCode => code in errorCodes;

function problemIn(text: string): Problem | undefined {
  try {
    return Problem.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The words of what lies at the bottom: `fetch failed` says nothing. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "the request failed";
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return error.message || code || error.name;
}
