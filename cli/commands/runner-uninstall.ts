import { defineCommand } from "../command.ts";
import { removeUnit, type UnitOptions, unitPlaces } from "../systemd/unit-files.ts";

/** Jobs, caches and secrets stay. */
export const runnerUninstall = defineCommand<UnitOptions & Readonly<{ json?: true }>>({
  takes: (command) =>
    command
      .option("--user", "the unit of this user's own, also for root")
      .option("--force", "also a unit that was changed by hand")
      .option("--root <folder>", "below this folder")
      .option("--json", "print JSON"),
  examples: ["sudo agenticore runner uninstall", "agenticore runner uninstall"],
  run: async (cli, options) => {
    const { print } = cli;
    const places = unitPlaces(cli, options);
    const removed = await removeUnit(places, options);
    if (options.json) print.json({ success: true, unit: places.unit, removed });
    else if (removed) print.data(places.unit);
    if (!removed) print.note(`There is no ${places.unit}: nothing to remove.`);
    else print.note(`Removed. Run \`${places.systemctl} daemon-reload\`. ${places.environment}, jobs and caches stay.`);
    return 0;
  },
});
