import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

type Locked = Readonly<{
  version?: string;
  resolved?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}>;
const read = (name: string) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));
const manifest = read("package.json") as Locked;
const { packages } = read("package-lock.json") as { packages: Record<string, Locked> };

test("the lock has every platform's package that an optional dependency names, without which `npm ci` stops", () => {
  const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter(
      (name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)),
    ),
  );
  expect(missing).toEqual([]);
});

test("the lock says what package.json says, exactly, and no addresses", () => {
  const root = packages[""] ?? {};
  for (const part of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
    expect(root[part], part).toEqual(manifest[part]);
    for (const [name, version] of Object.entries(manifest[part] ?? {})) {
      expect(version, `${name} is pinned`).toMatch(/^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/);
      expect(packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  }
  expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
});

test("the inspector's own lock is pinned and without addresses too", () => {
  const { packages: own } = read("test/fixtures/inspector/package-lock.json") as { packages: Record<string, Locked> };
  const asked = (read("test/fixtures/inspector/package.json") as Locked).dependencies ?? {};
  expect(own[""]?.dependencies).toEqual(asked);
  expect(Object.values(asked)).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  expect(Object.values(own).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
});
