import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { aPlace, aPlan, eventually, livingWith, soon, standIn, start, tiers } from "./a-tree.ts";

/** A fixed sequence: what fails once fails again. */
const moments = (count: number) => Array.from({ length: count }, (_, i) => (i * 37) % 90);

describe.each(tiers)("in the %s tier", (tier, sandbox) => {
  const argv = (word: string) => [standIn("claude-daemon"), word, tier === "namespace" ? "bare" : "-", "stay"] as const;

  test.each(["kill", "terminate", "kill -9 of the warden"])(
    "%s at any moment of the start leaves nothing",
    { timeout: 60_000 },
    async (how) => {
      for (const ms of moments(15)) {
        using place = aPlace();
        const tree = start(aPlan(place, sandbox, { argv: argv(place.word) }));
        await clock.sleep(ms);
        const asked = clock.uptime();
        if (how === "kill") tree.kill();
        else if (how === "terminate") tree.terminate(100);
        else process.kill(tree.id.pid, "SIGKILL");
        const { survivors } = await tree.exited;
        expect(survivors).toBeUndefined();
        expect(livingWith(place.word), `${how} after ${ms} ms`).toEqual([]);
        expect(clock.uptime() - asked).toBeLessThan(5_000);
      }
    },
  );

  test("W-09: a cancel ends everything within 5 seconds, whatever ignores it", async () => {
    using place = aPlace();
    const stubborn = `trap '' TERM INT HUP; ${standIn("claude-daemon")} "$1" "$2" stay & while :; do sleep "9\${1}7"; done`;
    const [, word, kind] = argv(place.word);
    const tree = start(
      aPlan(place, sandbox, {
        argv: ["/bin/bash", "--norc", "-c", stubborn, "stubborn", word, kind],
        readable: [dirname(standIn("claude-daemon"))], // a checkout below /tmp would be covered
      }),
    );
    await eventually("the job's processes live", () => livingWith(place.word).length >= 5);
    const asked = clock.uptime();
    tree.interrupt();
    await clock.sleep(1_000);
    tree.terminate(2_000);
    expect(await tree.exited).toMatchObject({ reason: "terminated", code: null });
    expect(clock.uptime() - asked).toBeLessThan(5_000);
    expect(livingWith(place.word)).toEqual([]);
  });

  test("nothing is started under a grant that has run out", async () => {
    using place = aPlace();
    const plan = aPlan(place, sandbox, { argv: ["/bin/touch", `${place.cwd}/started`], until: soon(-1, 10_000) });
    const tree = start(plan);
    expect(await tree.exited).toMatchObject({ reason: "expired", code: null });
    expect(await tree.started).toBe(false);
  });
});
