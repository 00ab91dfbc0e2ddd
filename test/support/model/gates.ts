/** Names that a test releases; whoever waits for one goes on. A release is remembered. */
export type Gates = Readonly<{
  release: (name: string) => void;
  released: (name: string) => boolean;
  /** Resolves at the release, or when the signal aborts. */
  passed: (name: string, signal: AbortSignal) => Promise<void>;
}>;

export function openGates(): Gates {
  const open = new Set<string>();
  const waiting = new Map<string, Set<() => void>>();
  return {
    release: (name) => {
      open.add(name);
      for (const wake of waiting.get(name) ?? []) wake();
      waiting.delete(name);
    },
    released: (name) => open.has(name),
    passed: (name, signal) =>
      new Promise((resolve) => {
        if (open.has(name) || signal.aborted) return resolve();
        const wakers = waiting.get(name) ?? new Set();
        waiting.set(name, wakers);
        const wake = () => {
          wakers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        wakers.add(wake);
        signal.addEventListener("abort", wake);
      }),
  };
}
