import { isStoreAway } from "../error.ts";
import type { JobStore } from "../store.ts";

/** The store, and how often each of its operations could not be answered. Innermost: a copy that answers instead hides nothing. */
export function watchStore(
  store: JobStore,
): Readonly<{ store: JobStore; errors: () => Readonly<Record<string, number>> }> {
  const errors: Record<string, number> = {};
  const watched =
    <A extends readonly unknown[], R>(name: string, ask: (...asked: A) => Promise<R>) =>
    (...asked: A): Promise<R> =>
      // Asked in the same turn: `changed` promises to listen before it returns.
      ask(...asked).catch((error: unknown) => {
        if (isStoreAway(error)) errors[name] = (errors[name] ?? 0) + 1;
        throw error;
      });
  const methods = Object.entries(store).map(([name, ask]) => [name, watched(name, ask)]);
  return { store: { ...store, ...(Object.fromEntries(methods) as Partial<JobStore>) }, errors: () => ({ ...errors }) };
}
