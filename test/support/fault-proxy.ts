import { type SeenRequest, startFaultHttp } from "./fault-http.ts";
import { type FaultPlan, faultPlan } from "./fault-plan.ts";
import { type FaultRelay, startRelay } from "./fault-relay.ts";

/** A way to a server that can be broken, over TCP (`redis://`) or HTTP (`http://`). */
export type FaultProxy = Omit<FaultRelay, "port"> &
  Pick<FaultPlan, "misbehave" | "next" | "counts"> &
  Readonly<{
    /** The server's address by this way. */
    url: string;
    /** HTTP only: all requests that came, also those that went no further. */
    requests: readonly SeenRequest[];
    /** HTTP only: answers that are still being given, like event streams, end as if they were complete. */
    endAnswers(): void;
  }>;

/** Everything passes until it is told otherwise. */
export async function startFaultProxy(
  url: string,
  options: Readonly<{ seed?: number; slowMs?: number }> = {},
): Promise<FaultProxy> {
  const target = new URL(url);
  const plan = faultPlan(options);
  const { misbehave, next, counts } = plan;
  await using parts = new AsyncDisposableStack();
  const isHttp = target.protocol === "http:";
  const http = isHttp ? parts.use(await startFaultHttp(target, plan)) : undefined;
  const relay = parts.use(
    http
      ? await startRelay({ host: "127.0.0.1", port: http.port })
      : await startRelay({ host: target.hostname, port: Number(target.port) }, plan),
  );
  const ours = new URL(url.replace(/\/$/, ""));
  ours.port = `${relay.port}`;
  ours.hostname = "127.0.0.1";
  const { freeze, thaw, reset, open, taken } = relay;
  const all = parts.move();
  return {
    url: ours.href.replace(/\/$/, ""),
    requests: http?.seen ?? [],
    endAnswers: () => http?.endAnswers(),
    misbehave,
    next,
    counts,
    freeze,
    thaw,
    reset,
    open,
    taken,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
