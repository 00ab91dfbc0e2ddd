import { probeSandbox } from "../../runner/process/probe-sandbox.ts";
import type { Config } from "../../shared/config-keys.ts";
import type { CliContext } from "../context.ts";
import { type Check, ok, warn } from "./check.ts";

/** What holds a job's processes together here; without namespaces jobs run, less protected. */
export async function checkSandbox({ clock }: Pick<CliContext, "clock">, { sandbox }: Config): Promise<Check> {
  if (process.platform !== "linux")
    return warn(
      "sandbox",
      "Runners need Linux; here only the API and the CLI work.",
      "Start `agenticore runner` on Linux.",
    );
  const { tier, why } = await probeSandbox({ wanted: sandbox, clock });
  if (tier === "namespace") return ok("sandbox", why);
  return warn(
    "sandbox",
    why,
    sandbox === "none"
      ? "Unset AGENTICORE_SANDBOX."
      : "Run as root, or allow user namespaces to this user (in a container: its seccomp and AppArmor profiles).",
  );
}
