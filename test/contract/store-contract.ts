import { describe } from "vitest";
import { affinityContract } from "./store/affinity.ts";
import { apiKeysContract } from "./store/api-keys.ts";
import { budgetsContract } from "./store/budgets.ts";
import { changesContract } from "./store/changes.ts";
import { claimsContract } from "./store/claims.ts";
import { endingsContract } from "./store/endings.ts";
import { eventsContract } from "./store/events.ts";
import { histories, historiesContract } from "./store/histories.ts";
import { leasesContract } from "./store/leases.ts";
import { listsContract } from "./store/lists.ts";
import { locksContract } from "./store/locks.ts";
import { lossesContract } from "./store/losses.ts";
import { noticesContract } from "./store/notices.ts";
import { poolsContract } from "./store/pools.ts";
import { questionsContract } from "./store/questions.ts";
import { racesContract } from "./store/races.ts";
import { relaysContract } from "./store/relays.ts";
import { repeatsContract } from "./store/repeats.ts";
import { requestsContract } from "./store/requests.ts";
import { runnersContract } from "./store/runners.ts";
import type { OpenWorld } from "./store/store-world.ts";
import { submissionContract } from "./store/submission.ts";
import { transcriptsContract } from "./store/transcripts.ts";
import { turnsContract } from "./store/turns.ts";
import { upkeepContract } from "./store/upkeep.ts";
import { worktreesContract } from "./store/worktrees.ts";

type Extent = Readonly<{
  /** How many random ones; fewer where what is behind this way to a store has had all of them. */
  histories?: number;
}>;

/** What every JobStore promises: the port's real definition. Each implementation runs all of it. */
export function storeContract(name: string, open: OpenWorld, extent: Extent = {}): void {
  describe(name, () => {
    describe("submission", () => submissionContract(open));
    describe("claims", () => claimsContract(open));
    describe("warm repositories", () => affinityContract(open));
    describe("pool limits", () => poolsContract(open));
    describe("leases", () => leasesContract(open));
    describe("lost leases", () => lossesContract(open));
    describe("endings", () => endingsContract(open));
    describe("requests", () => requestsContract(open));
    describe("questions", () => questionsContract(open));
    describe("events told before", () => repeatsContract(open));
    describe("events", () => eventsContract(open));
    describe("lists", () => listsContract(open));
    describe("changes", () => changesContract(open));
    describe("upkeep", () => upkeepContract(open));
    describe("runners and sessions", () => runnersContract(open));
    describe("transcripts", () => transcriptsContract(open));
    describe("worktrees", () => worktreesContract(open));
    describe("budgets", () => budgetsContract(open));
    describe("notices", () => noticesContract(open));
    describe("locks", () => locksContract(open));
    describe("relays", () => relaysContract(open));
    describe("API keys", () => apiKeysContract(open));
    describe("turns", () => turnsContract(open));
    describe("races", () => racesContract(open));
    describe("histories", () => historiesContract(open, extent.histories ?? histories.all));
  });
}
