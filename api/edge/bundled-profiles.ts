import type { ProfileSummary } from "../../shared/profile.ts";

/** The profiles in `profiles/`, as their files say: where there is no disk they cannot be read. */
export const bundledProfiles: readonly ProfileSummary[] = [
  {
    name: "code",
    description: "Changes code, runs what it needs to check it, and commits.",
    permission_mode: "acceptEdits",
    auto_pr: true,
    source: "bundled",
  },
  {
    name: "review",
    description: "Reads code and reports; changes nothing.",
    permission_mode: "default",
    auto_pr: false,
    source: "bundled",
  },
];
