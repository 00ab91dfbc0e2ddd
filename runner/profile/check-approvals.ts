import { AppError } from "../../shared/error.ts";
import type { Profile } from "../../shared/profile.ts";
import type { LoadedProfile } from "./extend.ts";

type Mode = Profile["claude"]["permission_mode"];

/** Modes in which Claude never asks, and what happens instead. */
const unasked: Readonly<Partial<Record<Mode, string>>> = {
  bypassPermissions: "everything is allowed",
  dontAsk: "what is not allowed is denied",
  auto: "a model decides",
};

/** @throws AppError `profile_invalid` where `approvals: ask` stands beside a mode in which nothing is asked. */
export function checkApprovals({ profile, layers }: Pick<LoadedProfile, "profile" | "layers">): void {
  const { permission_mode } = profile.claude;
  const instead = unasked[permission_mode];
  if (profile.approvals !== "ask" || instead === undefined) return;
  const from = layers.findLast(({ content }) => content["approvals"] === "ask")?.from ?? "the profile";
  throw new AppError(
    "profile_invalid",
    `${from}: approvals: ask has no effect with permission_mode: ${permission_mode}, in which nobody is asked and ${instead}.`,
    { remedy: "Set `claude.permission_mode` to default, acceptEdits or plan, or leave `approvals` out." },
  );
}
