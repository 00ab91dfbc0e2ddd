import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lineSplitter } from "../../../runner/process/split-lines.ts";
import { aPlace, aPlan, output, start, tiers } from "./a-tree.ts";

const namespace = tiers.filter(([name]) => name === "namespace");

test.each(namespace)(
  "in a %s what is only readable can be read and neither changed nor added to",
  async (_, sandbox) => {
    using place = aPlace();
    const lent = join(place.data, "lent");
    mkdirSync(lent);
    writeFileSync(join(lent, "object"), "lent");
    const command = `cat ${lent}/object; echo spoilt > ${lent}/object; echo more > ${lent}/more; mount -o remount,rw ${lent}; rm -f ${lent}/object; true`;
    const tree = start(aPlan(place, sandbox, { argv: ["/bin/sh", "-c", command], readable: [lent] }));
    expect((await tree.exited).code).toBe(0);
    expect(output(place)).toBe("lent");
    expect(readFileSync(join(lent, "object"), "utf8")).toBe("lent");
    expect(existsSync(join(lent, "more"))).toBe(false);
  },
);

/** A line of JSON that is kept up to 512 bytes from its start: `before` of the first escape's characters are among them. */
const cutLine = (letter: string, before: number): string => {
  const start = '{"type":"result","text":"';
  return `${start}${"a".repeat(512 - start.length - before)}${letter.repeat(400)}"}\n`;
};

test.each(["\\n", '\\"', "\\\\", "\\u0041"])("a cut through the escape %s leaves valid JSON", (letter) => {
  for (let before = 0; before < letter.length; before += 1) {
    const [line] = lineSplitter(1_024).push(Buffer.from(cutLine(letter, before)));
    expect(() => JSON.parse(line?.text ?? ""), line?.text.slice(480, 560)).not.toThrow();
  }
});
