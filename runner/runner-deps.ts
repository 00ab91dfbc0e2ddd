import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import type { Log } from "../shared/log.ts";
import type { Redact } from "../shared/redact.ts";
import type { JobStore } from "../shared/store.ts";
import type { KeyBroker } from "./broker/broker.ts";
import type { UsageReceiver } from "./claude/usage-receiver.ts";
import type { CredentialPool } from "./credential-pool.ts";
import type { Repos } from "./git/repos.ts";
import type { Github } from "./github/github.ts";
import type { LeaseTimes } from "./keep-lease.ts";
import type { Places } from "./places.ts";
import type { RunnerIdentity } from "./process/run-file.ts";
import type { Sandbox } from "./process/sandbox.ts";
import type { Profiles } from "./profile/load-profiles.ts";
import type { SessionCopies } from "./session-copies.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";

/** What the recipe of a job is made with; one for all jobs of a runner. */
export type RunnerDeps = Readonly<{
  store: JobStore;
  clock: Clock;
  log: Log;
  random: () => number;
  newId: () => string;
  redact: Redact;
  /** Makes `redact` take these out too, from now on. */
  hide: (secrets: readonly string[]) => void;
  config: Config;
  /** The runner's own environment; what of it reaches Claude, the plan decides. */
  surroundings: Readonly<Record<string, string | undefined>>;
  packageRoot: string;
  /** Where relative paths of the configuration begin. */
  cwd: string;
  /** This process, and no other; `instance` is `{pod_name}/{random}`. */
  identity: RunnerIdentity;
  places: Places;
  tmpRoot: string;
  times: LeaseTimes;
  profiles: () => Promise<Profiles>;
  repos: Repos;
  /** Where this runner's worktrees can be reached: a box by its name, or each that has the shared folder. */
  box: string;
  copies: SessionCopies;
  github: Github;
  usage: UsageReceiver;
  broker: KeyBroker;
  credentials: CredentialPool;
  telemetry: Telemetry;
  sandbox: Sandbox;
}>;
