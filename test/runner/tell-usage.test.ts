import { expect, test } from "vitest";
import { noUsage } from "../../runner/claude/usage.ts";
import { tellUsage } from "../../runner/tell-usage.ts";
import type { NewEvent } from "../../shared/event.ts";
import type { JobPatch } from "../../shared/job.ts";
import { aJob } from "../support/a-job.ts";

const usage = (input_tokens: number) => ({ ...noUsage, input_tokens });

function telling(job = aJob(), budgetUsd?: number) {
  const patches: JobPatch[] = [];
  const events: NewEvent[] = [];
  let near = 0;
  const onNear = () => {
    near += 1;
  };
  const keeper = {
    patch: (patch: JobPatch) => void patches.push(patch),
    emit: (...some: readonly NewEvent[]) => void events.push(...some),
  };
  const tell = tellUsage(job, keeper, { usd: budgetUsd, onNear });
  return { tell, patches, events, near: () => near };
}

test("what earlier attempts cost is counted in", () => {
  const { tell, patches, events } = telling(aJob({ cost_usd: 1, usage: usage(1_000) }));
  tell({ cost_usd: 0.5, usage: usage(10) });
  expect(patches).toEqual([{ cost_usd: 1.5, usage: usage(1_010) }]);
  expect(events).toEqual([{ type: "usage.updated", data: { cost_usd: 1.5, usage: usage(1_010) } }]);
});

test("the cost never goes back and is not told twice, whichever source is late", () => {
  const { tell, events } = telling();
  for (const cost_usd of [0.1, 0.3, 0.2, 0.3, 0.4]) tell({ cost_usd, usage: noUsage });
  expect(events.map(({ data }) => "cost_usd" in data && data.cost_usd)).toEqual([0.1, 0.3, 0.4]);
});

test("tokens that cost nothing are told too", () => {
  const { tell, events } = telling();
  for (const tokens of [10, 20, 20]) tell({ cost_usd: 0, usage: usage(tokens) });
  expect(events).toHaveLength(2);
});

test("at four fifths of its budget a job warns, once, and not again in a later attempt", () => {
  const warnings = (job = aJob()) => {
    const { tell, events } = telling(job, 1);
    for (const cost_usd of [0.1, 0.7, 0.8, 0.9]) tell({ cost_usd, usage: noUsage });
    return events.filter(({ type }) => type === "budget.warned");
  };
  expect(warnings()).toEqual([{ type: "budget.warned", data: { cost_usd: 0.8, max_budget_usd: 1 } }]);
  expect(warnings(aJob({ cost_usd: 0.15 }))).toEqual([
    { type: "budget.warned", data: { cost_usd: 0.85, max_budget_usd: 1 } },
  ]);
  expect(warnings(aJob({ cost_usd: 0.85 }))).toEqual([]);
});

test("each attempt learns once that the budget nears its end, also one that begins there", () => {
  const first = telling(aJob(), 1);
  expect(first.near()).toBe(0);
  for (const cost_usd of [0.1, 0.8, 0.9]) first.tell({ cost_usd, usage: noUsage });
  expect(first.near()).toBe(1);
  const second = telling(aJob({ cost_usd: 0.9 }), 1);
  expect(second.near()).toBe(1);
  second.tell({ cost_usd: 0.05, usage: noUsage });
  expect(second.near()).toBe(1);
  expect(telling(aJob({ cost_usd: 0.9 })).near()).toBe(0);
});
