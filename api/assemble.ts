import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import type { Log } from "../shared/log.ts";
import type { Outlook } from "../shared/outlook.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { JobStore } from "../shared/store.ts";
import { type ChooserFacts, profileChooser } from "./choose-profile.ts";
import type { ApiDeps } from "./deps.ts";
import { apiSettings } from "./settings.ts";

/** What every door of a process is made from. */
export type DoorOptions = Readonly<{
  config: Config;
  store: JobStore;
  outlook?: Outlook;
  /** The bundled profiles. */
  profiles: readonly ProfileSummary[];
  /** For AGENTICORE_AI_ROUTING: what asks, and the environment with the key. */
  model?: Pick<ChooserFacts, "fetch" | "env">;
  clock: Clock;
  log: Log;
  version: string;
  /** Milliseconds between two sweeps of the store; 5 s by default. */
  sweepMs?: number;
}>;

type Place = Readonly<{ host: string; stopping?: AbortSignal; streamMs?: number; isEdge?: boolean }>;

/** The API's dependencies; `host` is the address that is listened on, `stopping` aborts when the process is about to end, `streamMs` is as in ApiDeps, `isEdge` as in `apiSettings`. */
export function assemble(options: DoorOptions, { host, stopping, streamMs, isEdge }: Place): ApiDeps {
  const { config, store, profiles, clock, log, version, model, outlook } = options;
  return {
    store,
    clock,
    log,
    fetch: (...request) => fetch(...request),
    newId: () => crypto.randomUUID(),
    version,
    bundled: profiles,
    settings: apiSettings(config, host, isEdge),
    ...(stopping ? { stopping } : {}),
    ...(streamMs === undefined ? {} : { streamMs }),
    ...(outlook ? { outlook } : {}),
    ...(config.aiRouting && model ? { choose: profileChooser({ ...model, clock, model: config.aiRoutingModel }) } : {}),
  };
}
