import { noticeTypes } from "../event.ts";
import type { Job } from "../job.ts";
import type { JobStore } from "../store.ts";

/**
 * The store, telling of each of its steps that has probably made a notice: a job was cancelled, ended or given back that
 * somebody is to be told of, or a question was asked. What time does to jobs it does not tell of.
 */
export function noticing(store: JobStore, tell: () => void): JobStore {
  const seen = <J extends Job | undefined>(job: J): J => {
    if (job?.notify_url !== undefined && job.notify?.stopped !== true) tell();
    return job;
  };
  return {
    ...store,
    cancel: async (...asked) => seen(await store.cancel(...asked)),
    finish: async (...asked) => seen(await store.finish(...asked)),
    release: async (...asked) => seen(await store.release(...asked)),
    renew: async (lease, request) => {
      const renewal = await store.renew(lease, request);
      if (request.events?.some(({ type }) => noticeTypes.includes(type))) tell();
      return renewal;
    },
  };
}
