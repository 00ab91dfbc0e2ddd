import { defineCommand } from "../command.ts";
import { printKeys } from "../print-keys.ts";

export const keysList = defineCommand<Readonly<{ json?: true }>>({
  takes: (command) => command.option("--json", "print JSON"),
  examples: ["agenticore keys list", "agenticore keys list --json | jq -r '.keys[].id'"],
  run: (cli, { json }) => printKeys(cli, json === true),
});
