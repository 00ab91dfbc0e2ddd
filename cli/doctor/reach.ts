import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import { clientOf } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { type Check, ok, warn } from "./check.ts";

const patienceMs = 5_000;

/** A server that is not up is no fault of the machine's. */
export async function checkServer(cli: CliContext, config: Config): Promise<Check> {
  const client = clientOf(cli, config);
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const { version } = await client.health({ signal });
    const runners = await client.runners({ signal });
    const says = `agenticore ${version} at ${client.url}`;
    if (version !== cli.version)
      return warn(
        "server",
        `${says}, and this is ${cli.version}.`,
        "Use one version on both sides: `agenticore update`.",
      );
    return runners.length > 0
      ? ok("server", says)
      : warn("server", `${says} has no runner.`, "Start one with `agenticore runner`.");
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return warn("server", signal.aborted ? `${client.url} does not answer within 5 s.` : message, remedy);
  }
}
