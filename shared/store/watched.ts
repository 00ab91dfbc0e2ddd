import { isStoreAway } from "../error.ts";
import type { JobStore } from "../store.ts";

/** The store, and how often each of its operations could not be answered. Innermost: a copy that answers instead hides nothing. */
export function watchStore(
  store: JobStore,
): Readonly<{ store: JobStore; errors: () => Readonly<Record<string, number>> }> {
  const errors: Record<string, number> = {};
  const watched = <A extends readonly unknown[], R>(name: string, ask: (...asked: A) => Promise<R>) => {
    const count = (error: unknown): never => {
      if (isStoreAway(error)) errors[name] = (errors[name] ?? 0) + 1;
      throw error;
    };
    // Asked in the same turn: `changed` promises to listen before it returns.
    return (...asked: A): Promise<R> => ask(...asked).catch(count);
  };
  const methods = Object.entries(store).map(([name, ask]) => [name, watched(name, ask)]);
  return { store: { ...store, ...(Object.fromEntries(methods) as Partial<JobStore>) }, errors: () => ({ ...errors }) };
}
