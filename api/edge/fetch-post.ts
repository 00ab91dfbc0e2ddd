import type { Post } from "../../shared/notify/deliver.ts";

/** A POST where there is `fetch` alone: a Worker reaches public addresses only, by names that are looked up for it. */
export const fetchPost =
  (ask: typeof fetch): Post =>
  async (url, { headers, body }, signal) => {
    const answer = await ask(url, { method: "POST", headers, body, signal, redirect: "manual" }).catch(
      (cause: unknown) => {
        throw new Error("The receiver could not be reached.", { cause });
      },
    );
    // It was answered, whatever becomes of the rest.
    await answer.body?.cancel().catch(() => undefined);
    return answer.status;
  };
