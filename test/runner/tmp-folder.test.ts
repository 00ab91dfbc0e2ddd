import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeTmp, tmpFolder } from "../../runner/tmp-folder.ts";
import { aJobId } from "../support/a-job.ts";
import { scratch } from "../support/sample-repo.ts";

test("an attempt's folder goes with those of attempts before it; a later attempt's and another job's stay", async () => {
  using place = scratch();
  const job = aJobId();
  const later = tmpFolder(place.path, { job, fence: 11 });
  const other = tmpFolder(place.path, { job: aJobId(), fence: 1 });
  for (const fence of [1, 2, 10]) mkdirSync(tmpFolder(place.path, { job, fence }));
  for (const folder of [later, other]) mkdirSync(folder);

  await removeTmp(place.path, { job, fence: 10 });

  expect(
    readdirSync(place.path)
      .map((name) => join(place.path, name))
      .toSorted(),
  ).toEqual([later, other].toSorted());
});

test("what a link in it leads to stays", async () => {
  using place = scratch();
  const attempt = { job: aJobId(), fence: 1 };
  const kept = join(place.path, "kept");
  mkdirSync(kept);
  writeFileSync(join(kept, "file"), "");
  mkdirSync(tmpFolder(place.path, attempt));
  symlinkSync(kept, join(tmpFolder(place.path, attempt), "link"));

  await removeTmp(place.path, attempt);

  expect(readdirSync(place.path)).toEqual(["kept"]);
  expect(readdirSync(kept)).toEqual(["file"]);
});
