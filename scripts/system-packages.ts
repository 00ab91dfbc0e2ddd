// `node scripts/system-packages.ts [USE …]`: sees to it that the programs which tests need from the system are there.
import { type NeededPackage, providePackages } from "./system/provide-packages.ts";

/** Debian's names. `use` says what needs it: `tests` is all that `verify` runs, `image` the runner image followed step by step. */
const packages: readonly (NeededPackage & Readonly<{ use: "tests" | "image" }>)[] = [
  { use: "tests", name: "redis-server", program: "redis-server", oldest: 7 },
  { use: "tests", name: "systemd", program: "systemd-analyze" },
  { use: "image", name: "debootstrap", program: "debootstrap" },
  { use: "tests", name: "bubblewrap", program: "bwrap" },
];

const uses = process.argv.length > 2 ? process.argv.slice(2) : ["tests"];
const unknown = uses.filter((use) => !packages.some((each) => each.use === use));
if (unknown.length > 0) {
  console.error(`Nothing is known of ${unknown.join(", ")}: usage: node scripts/system-packages.ts [tests] [image]`);
  process.exitCode = 2;
} else {
  const provided = await providePackages(
    packages.filter(({ use }) => uses.includes(use)),
    { path: process.env["PATH"] ?? "", isRoot: process.getuid?.() === 0, say: console.error },
  );
  process.exitCode = provided ? 0 : 1;
}
