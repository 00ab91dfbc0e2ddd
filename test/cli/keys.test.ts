import { expect, test } from "vitest";
import { openStore } from "../../cli/open-store.ts";
import { sha256 } from "../../shared/digest.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { aCli } from "../support/a-cli.ts";

const env = { AGENTICORE_REQUIRE_KEYS: "true" };

async function storeOf({ context }: ReturnType<typeof aCli>) {
  return openStore((await loadConfig(context)).config, context);
}

test("a key is shown once, as the only data, and the store keeps its digest", async () => {
  const cli = aCli({ env });
  const { code, out, err } = await cli.run("keys", "create", "laptop");
  expect(code).toBe(0);
  expect(out).toMatch(/^ak_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n$/);
  expect(err).toContain("shown this once");

  await using store = await storeOf(cli);
  const [key] = await store.listKeys();
  expect(key).toMatchObject({ name: "laptop", scopes: ["submit", "read", "cancel"], digest: await sha256(out.trim()) });
  expect(key?.tenant).toBe(`key-${key?.id}`);
  const listed = await cli.run("keys", "list");
  expect(listed.out).toContain(key?.id);
  expect(listed.out + listed.err).not.toContain(out.trim().slice(16));
  expect(listed.out).not.toContain(key?.digest);
});

test("a key has the rights that it was made with", async () => {
  const cli = aCli({ env });
  const before = Date.now();
  const words =
    "--scope read,admin --repo https://h/** --pool big,gpu --profile code --tenant team-a --expires 90d --json";
  const { out } = await cli.run("keys", "create", "ci 1", ...words.split(" "));
  const { secret, key } = JSON.parse(out) as { secret: string; key: Record<string, unknown> };

  expect(secret).toContain(key["id"]);
  expect(key).toMatchObject({
    ...{ name: "ci 1", tenant: "team-a", scopes: ["read", "admin"] },
    ...{ repos: ["https://h/**"], pools: ["big", "gpu"], profiles: ["code"] },
  });
  expect(key).not.toHaveProperty("digest");
  const days = (Date.parse(String(key["expires_at"])) - before) / 86_400_000;
  expect(days).toBeGreaterThanOrEqual(90);
  expect(days).toBeLessThan(90.01);
});

test("a key is revoked by its id, with or without ak_, and stays in the list", async () => {
  const cli = aCli({ env });
  const { out } = await cli.run("keys", "create", "laptop");
  const id = out.slice(3, 15);
  expect(await cli.run("keys", "revoke", `ak_${id}`)).toMatchObject({ code: 0, out: "" });
  const again = await cli.run("keys", "revoke", id, "--json");
  expect(JSON.parse(again.out)).toMatchObject({ success: true, key: { id, revoked_at: expect.any(String) } });

  const { out: listed } = await cli.run("keys", "list", "--json");
  expect(JSON.parse(listed)).toMatchObject({ count: 1, keys: [{ id, revoked_at: expect.any(String) }] });
  expect((await cli.run("keys")).out).toContain("revoked");
  expect(await cli.run("keys", "revoke", "0".repeat(12))).toMatchObject({ code: 1 });
});

test.each([
  [["create", "laptop", "--scope", "write"], /"write" is not one of submit, read/],
  [["create", "laptop", "--scope", ","], /is not one of/],
  [["create", "laptop", "--pool", "Big"], /is not a pool's name/],
  [["create", "laptop", "--expires", "soon"], /12h, 90d or 52w/],
  [["create", "laptop", "--expires", "99999w"], /at most 10 years/],
  [["create", "laptop", "--tenant", "a b"], /letters, digits/],
  [["create", "\u001b[2J"], /A key's name/],
  [["create"], /missing required argument 'name'/],
  [["revoke", "laptop"], /not a key's id/],
] as const)("`keys %j` is wrong usage, and makes nothing", async (words, says) => {
  const cli = aCli({ env });
  const { code, out, err } = await cli.run("keys", ...words);

  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toMatch(says);
  await using store = await storeOf(cli);
  expect(await store.listKeys()).toEqual([]);
});

test("who makes a key for a server that asks nobody is told so", async () => {
  expect((await aCli().run("keys", "create", "laptop")).err).toContain("AGENTICORE_REQUIRE_KEYS=true");
  expect((await aCli({ env }).run("keys", "create", "laptop")).err).not.toContain("AGENTICORE_REQUIRE_KEYS");
});
