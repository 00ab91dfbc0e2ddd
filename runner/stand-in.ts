import { modelAccess, standIn } from "./broker/model-access.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { LoadedProfile } from "./profile/extend.ts";
import type { RunnerDeps } from "./runner-deps.ts";

type Holding = Readonly<{ keeper: LeaseKeeper; signal: AbortSignal }>;

/** What Claude is given instead of the model's key, for as long as the job is ours and this is not disposed. */
export function standInFor(
  { profile }: LoadedProfile,
  { keeper, signal }: Holding,
  { broker, surroundings, config, clock }: Pick<RunnerDeps, "broker" | "surroundings" | "config" | "clock">,
): Disposable & Readonly<{ variables: Readonly<Record<string, string | undefined>> }> {
  const access = modelAccess({ ...surroundings, ...profile.env }, config);
  if (access === undefined) return { variables: {}, [Symbol.dispose]: () => undefined };
  const place = broker.open({ access, signal, holds: () => clock.uptime() < keeper.grant().hardAt });
  return { variables: standIn(access, place), [Symbol.dispose]: () => place[Symbol.dispose]() };
}
