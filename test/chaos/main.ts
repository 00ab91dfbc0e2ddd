import { parseArgs } from "node:util";
import { faketime } from "./boxes.ts";
import { isSound, renderOutcome } from "./outcome.ts";
import { chaosDefaults, runChaos } from "./run-chaos.ts";

const usage = `npm run chaos [-- --seed N] [--minutes M]

Kills, stops, cuts off and confuses every part of a small cluster for M minutes (1), then holds the history against
what must always be so. Faults and work come from the seed (1): the same number gives the same schedule. What the
processes make of it is up to them and the machine, so a failure may need a few runs of its seed to be seen again.`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (values.help || !Number.isInteger(seed) || !(minutes > 0)) {
  console.error(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  if (faketime === undefined)
    console.error("libfaketime is not installed: no clock jumps here, only in the simulation.");
  const outcome = await runChaos({
    ...{ ...chaosDefaults, seed, durationMs: minutes * 60_000 },
    note: (line) => console.error(line),
  });
  console.log(renderOutcome(outcome));
  process.exitCode = isSound(outcome) ? 0 : 1;
}
