import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { headedTable } from "../print.ts";

export const profiles = defineCommand<{ json?: true }>({
  takes: (command) => command.option("--json", "print JSON"),
  examples: ["agenticore profiles", "agenticore profiles --json"],
  parts: {
    show: {
      summary: "Explain a profile of this machine: its values, where each is from, and Claude's command line",
      load: async () => (await import("./profiles-show.ts")).profilesShow,
    },
  },
  run: async (cli, { json }) => {
    const { print } = cli;
    const found = await (await connect(cli)).profiles();
    if (json) {
      print.json({ success: true, count: found.length, profiles: found });
      return 0;
    }
    const rows = found.map((profile) => [
      profile.name,
      profile.model ?? "-",
      profile.permission_mode ?? "-",
      profile.auto_pr ? "yes" : "no",
      profile.source,
      profile.error === undefined ? profile.description : `NOT VALID: ${profile.error}`,
    ]);
    print.data(headedTable(["PROFILE", "MODEL", "PERMISSIONS", "PR", "SOURCE", "DESCRIPTION"], rows, print));
    return 0;
  },
});
