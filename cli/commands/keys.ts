import { defineCommand } from "../command.ts";
import { printKeys } from "../print-keys.ts";

export const keys = defineCommand({
  examples: [
    "agenticore keys",
    "agenticore keys create ci --scope submit,read --repo 'https://github.com/octo/**' --expires 90d",
    "agenticore keys revoke 0123456789ab",
  ],
  parts: {
    create: {
      summary: "Make a key, and show it once",
      load: async () => (await import("./keys-create.ts")).keysCreate,
    },
    list: { summary: "List keys, newest first", load: async () => (await import("./keys-list.ts")).keysList },
    revoke: { summary: "End a key at once", load: async () => (await import("./keys-revoke.ts")).keysRevoke },
  },
  // Without options: those of a command that has parts would take theirs.
  run: (cli) => printKeys(cli, false),
});
