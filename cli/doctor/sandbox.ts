import { tryBwrap } from "../../runner/box/bwrap.ts";
import { findProgram } from "../../runner/find-program.ts";
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

/** Whether profiles may ask for `sandbox: bubblewrap` here; few do. */
export async function checkBubblewrap({ env }: Pick<CliContext, "env">): Promise<Check> {
  const program = await findProgram("bwrap", env["PATH"] ?? "");
  if (!program) return ok("bubblewrap", "Not installed: profiles with `sandbox: bubblewrap` are refused here.");
  const fault = await tryBwrap(program);
  if (fault === undefined)
    return ok("bubblewrap", "Profiles may have `sandbox: bubblewrap`, with and without network.");
  return warn(
    "bubblewrap",
    `bwrap does not work, so profiles with \`sandbox: bubblewrap\` are refused here: ${fault}`,
    "Allow user namespaces to this user (in a container: its seccomp and AppArmor profiles), or do without such profiles.",
  );
}
