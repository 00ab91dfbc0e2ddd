import { join } from "node:path";
import type { Config } from "../../shared/config-keys.ts";
import { plural } from "../amount.ts";
import { countSpooled } from "../open-store.ts";
import { type Check, ok, warn } from "./check.ts";

/** What an outage of the store has left on this disk. */
export async function checkSpool(config: Config): Promise<Check[]> {
  const { submissions, endings, broken } = await countSpooled(config);
  const place = join(config.dataDir, "spool");
  if (broken > 0)
    return [
      warn(
        "spool",
        `${plural(broken, "file")} below ${place} cannot be read and ${broken === 1 ? "was" : "were"} set aside as *.broken.`,
        "Look at them: each was a job or the end of one. Submit again what is still wanted, then remove them.",
      ),
    ];
  if (submissions + endings === 0) return [ok("spool", "nothing waits for the store on this disk")];
  return [
    warn(
      "spool",
      `${plural(submissions, "job")} and ${plural(endings, "end")} of attempts wait below ${place} for the store.`,
      "Run `agenticore serve` or `agenticore runner` here once the store is back: they bring them there.",
    ),
  ];
}
