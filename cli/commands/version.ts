import { defineCommand } from "../command.ts";

/** `bin/agenticore.js` answers the plain call itself; this is its place in help and completion. */
export const version = defineCommand<{ json?: true }>({
  takes: (command) => command.option("--json", "print JSON"),
  examples: ["agenticore version", "agenticore version --json"],
  run: async ({ print, version: number }, { json }) => {
    if (json) print.json({ name: "agenticore", version: number });
    else print.data(`agenticore ${number}`);
    return 0;
  },
});
