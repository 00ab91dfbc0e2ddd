import type { Clock } from "../../../shared/clock.ts";
import type { Config } from "../../../shared/config-keys.ts";
import type { Log } from "../../../shared/log.ts";
import type { Redact } from "../../../shared/redact.ts";
import { headersOf } from "../headers.ts";
import { rarely } from "../rarely.ts";
import type { Observation } from "./observation.ts";
import type { LangfuseSpans } from "./spans.ts";

/** The Langfuse project that was configured. Whoever tells it something never waits for it. */
export type Langfuse = Readonly<{
  tell: (observations: readonly Observation[]) => void;
  /** @returns how many observations never arrived */
  close: (withinMs: number) => Promise<number>;
}>;
type Deps = Readonly<{ clock: Clock; log: Log; redact: Redact; version: string }>;
type Settings = Pick<Config, "langfuseHost" | "langfusePublicKey" | "langfuseSecretKey" | "otelHeaders">;

/** Undefined where one of the two keys is not set. */
export function openLangfuse(config: Settings, { clock, log, redact, version }: Deps): Langfuse | undefined {
  const { langfuseHost: host, langfusePublicKey: publicKey, langfuseSecretKey: secretKey } = config;
  if ((publicKey === undefined) !== (secretKey === undefined))
    log.warn("Langfuse has one key of two: nothing is sent", { keys: "LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY" });
  if (publicKey === undefined || secretKey === undefined) return undefined;
  const trouble = rarely(clock, (error) => log.warn("Langfuse does not take a trace", { error: String(error) }));
  const load = async (): Promise<LangfuseSpans> => {
    const { openLangfuseSpans } = await import("./spans.ts");
    return openLangfuseSpans({
      ...{ host, publicKey: publicKey.reveal(), secretKey: secretKey.reveal(), version, clock, redact },
      foreignHeaders: Object.keys(headersOf(config.otelHeaders?.reveal() ?? "")),
      onTrouble: trouble,
    });
  };
  let spans: Promise<LangfuseSpans> | undefined;
  return {
    tell: (observations) => {
      spans ??= load();
      spans.then(({ emit }) => observations.forEach(emit)).catch(trouble);
    },
    close: async (withinMs) => {
      const opened = await spans?.catch(() => undefined);
      await opened?.close(withinMs);
      return opened?.counts().dropped ?? 0;
    },
  };
}
