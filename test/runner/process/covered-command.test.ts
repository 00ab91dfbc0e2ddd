import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aPlace, aPlan, output, start, tiers } from "./a-tree.ts";

describe.each(tiers)("in the %s tier", (_, sandbox) => {
  test("a command that lies below /tmp, behind a link as npm makes it, runs all the same", async () => {
    using place = aPlace();
    using checkout = aPlace("/tmp");
    const folder = join(checkout.root, "node_modules/.bin");
    mkdirSync(folder, { recursive: true });
    const program = join(checkout.root, "claude.sh");
    writeFileSync(program, '#!/bin/bash\necho "here: $1"\n');
    chmodSync(program, 0o755);
    symlinkSync("../../claude.sh", join(folder, "claude"));

    const tree = start(aPlan(place, sandbox, { argv: [join(folder, "claude"), "it is"] }));

    expect(await tree.exited).toMatchObject({ code: 0 });
    expect(output(place)).toBe("here: it is\n");
  });
});
