import { modelAccess, standIn } from "./broker/model-access.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { LoadedProfile } from "./profile/extend.ts";
import type { RunnerDeps } from "./runner-deps.ts";

type Holding = Readonly<{ keeper: LeaseKeeper; signal: AbortSignal }>;

type StandIn = Readonly<{
  variables: Readonly<Record<string, string | undefined>>;
  /** Bytes of the model's answers so far; 0 where they do not come this way. */
  heard: () => number;
}>;

/** What Claude is given instead of the model's key, for as long as the job is ours and this is not disposed. */
export function standInFor(
  { profile }: LoadedProfile,
  { keeper, signal }: Holding,
  { broker, surroundings, config, clock }: Pick<RunnerDeps, "broker" | "surroundings" | "config" | "clock">,
): Disposable & StandIn {
  const access = modelAccess({ ...surroundings, ...profile.env }, config);
  if (access === undefined) return { variables: {}, heard: () => 0, [Symbol.dispose]: () => undefined };
  const place = broker.open({ access, signal, holds: () => clock.uptime() < keeper.grant().hardAt });
  return { variables: standIn(access, place), heard: place.answered, [Symbol.dispose]: () => place[Symbol.dispose]() };
}
