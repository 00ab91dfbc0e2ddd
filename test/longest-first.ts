import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Stories that take longest on two cores, the longest first: where one begins last, the other core waits for it. What is
 * not named is short, or many such.
 */
export const longest: readonly string[] = [
  "chaos",
  "redis-outage",
  "claude-session",
  "shared-fs",
  "crash-phases",
  "many-jobs",
  "session-moves",
  "crash-processes",
  "two-processes",
  "hostile-claude",
  "late-push",
  "notify",
  "serve-jobs",
  "github-pull-request",
  "claude-stops",
  "mcp-conformance",
  "runner-through-api",
  "hostile-agent",
];

/** Vitest's own order within a project but for these, which begin first: without results of an earlier run it goes by size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

function rankOf({ moduleId }: TestSpecification): number {
  const at = longest.indexOf(basename(moduleId, ".test.ts"));
  return at < 0 ? longest.length : at;
}
