import { apiKeyId } from "../../shared/api-key.ts";
import { iso } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { openStore } from "../open-store.ts";
import { shownKey } from "../print-keys.ts";

export const keysRevoke = defineCommand<Readonly<{ json?: true }>>({
  takes: (command) => command.argument("<id>", "the key's id: the 12 digits behind ak_").option("--json", "print JSON"),
  examples: ["agenticore keys revoke 0123456789ab"],
  run: async (cli, { json }, [given = ""]) => {
    const { print, clock } = cli;
    const id = apiKeyId(given) ?? /^(?:ak_)?([0-9a-f]{12})$/.exec(given)?.[1];
    if (id === undefined)
      throw new UsageError("That is not a key's id: 12 hex digits, as `agenticore keys list` shows.");
    const { config } = await loadConfig(cli);
    await using store = await openStore(config, cli);
    const key = await store.revokeKey(id, iso(clock.now()));
    if (!key)
      throw new AppError("not_found", `There is no key ${id} in the store.`, {
        remedy: "See `agenticore keys list`; keys of AGENTICORE_API_KEYS end where they are configured.",
      });
    if (json) print.json({ success: true, key: shownKey(key) });
    else print.note(`The key ${id} (${key.name}) is revoked since ${key.revoked_at}: nobody gets in with it.`);
    return 0;
  },
});
