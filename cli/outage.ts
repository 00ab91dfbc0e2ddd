import type { AppError } from "../shared/error.ts";
import type { CliContext } from "./context.ts";

/** This long without any server, and following is given up. */
const outageLimitMs = 10 * 60_000;
/** Losses nearer than this are one outage: the pauses between tries are at most 10 s, a dead stream is seen after 45 s. */
const outageGapMs = 70_000;

/** Tells once of each loss of the server, and aborts when it lasts too long. */
export function watchOutage({ print, clock }: CliContext, leaving: AbortController) {
  let since: number | undefined;
  let last = Number.NEGATIVE_INFINITY;
  let error: AppError | undefined;
  return {
    lost(thrown: AppError) {
      const now = clock.uptime();
      if (since === undefined || now - last > outageGapMs) {
        since = now;
        print.note(`${thrown.message} Trying again; the job goes on.`);
      }
      last = now;
      if (now - since < outageLimitMs) return;
      error = thrown;
      leaving.abort();
    },
    over() {
      if (since !== undefined) print.note("Connected again.");
      since = undefined;
    },
    get error() {
      return error;
    },
  };
}
