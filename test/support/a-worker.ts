import { resolve } from "node:path";
import { createTestHarness } from "wrangler";

export type AWorker = AsyncDisposable &
  Readonly<{
    url: string;
    /** What the cron trigger does. */
    sweep: () => Promise<void>;
    /** What it wrote, a line each. */
    lines: () => readonly string[];
  }>;

/** `api/worker.ts` as `wrangler.toml` says, or what another such file says, in a real workerd on a free port; with these secrets. */
export async function startWorker(
  secrets: Readonly<Record<string, string>>,
  configPath = resolve(import.meta.dirname, "../../wrangler.toml"),
): Promise<AWorker> {
  const harness = createTestHarness({ workers: [{ configPath, secrets: { ...secrets } }] });
  const { url } = await harness.listen();
  return {
    url: url.origin,
    sweep: async () => {
      const { outcome } = await harness.getWorker().scheduled({ cron: "* * * * *", scheduledTime: new Date() });
      if (outcome !== "ok") throw new Error(`the cron trigger ended with ${outcome}`);
    },
    lines: () => harness.getLogs().map(({ message }) => message),
    [Symbol.asyncDispose]: () => harness.close(),
  };
}
