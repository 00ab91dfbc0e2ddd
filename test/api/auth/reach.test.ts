import { expect, test } from "vitest";
import { Secret } from "../../../shared/secret.ts";
import { anApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";

const asking = { settings: { requireKeys: true, loopbackOnly: false, apiKeys: [new Secret("a-red-key-of-the-test")] } };
const ours = "https://github.com/octo/one";
const theirs = "https://github.com/other/one";

const wrong = [
  [{ repos: ["https://github.com/octo/**"] }, { repo_url: theirs }, [422, "repo_not_allowed", "repo_url"]],
  [{ repos: ["https://github.com/octo/**"] }, {}, [422, "repo_not_allowed", "repo_url"]],
  [{ repos: [] }, { repo_url: ours }, [422, "repo_not_allowed", "repo_url"]],
  // What the installation does not allow, no key allows.
  [{ repos: ["https://10.0.0.1/**"] }, { repo_url: "https://10.0.0.1/x" }, [422, "repo_not_allowed", "repo_url"]],
  [{ pools: ["big"] }, {}, [403, "forbidden", "pool"]],
  [{ pools: ["big"] }, { pool: "small" }, [403, "forbidden", "pool"]],
  [{ profiles: ["review"] }, { profile: "code" }, [403, "forbidden", "profile"]],
  // Nobody asked for a profile: what routing chooses must be allowed too.
  [{ profiles: ["review"] }, {}, [403, "forbidden", "profile"]],
] as const;

test.each(wrong)("a key for %j may not submit %j", async (reach, request, [status, code, path]) => {
  await using api = await anApi(asking);
  const { as } = await savedKey(api.store, reach);
  const answer = await api.post("/jobs", { task: "Add a test", ...request }, as);

  expect(answer).toMatchObject({ status, body: { code, errors: [{ path }] } });
  expect((await api.store.list({ limit: 10 })).jobs).toEqual([]);
});

test.each([
  [{ repos: ["https://github.com/octo/**"] }, { repo_url: ours }],
  [{ repos: ["git@github.com:octo/**"] }, { repo_url: "git@github.com:octo/one" }],
  [{ pools: ["big", "default"] }, {}],
  [{ profiles: ["code"] }, {}],
  [
    { repos: ["https://github.com/octo/**"], pools: ["big"], profiles: ["review"] },
    { repo_url: ours, pool: "big", profile: "review" },
  ],
] as const)("a key for %j may submit %j", async (reach, request) => {
  await using api = await anApi(asking);
  const { as } = await savedKey(api.store, reach);

  expect((await api.post("/jobs", { task: "Add a test", ...request }, as)).status).toBe(202);
});

test("a narrowed key neither wakes nor steers jobs of its tenant that it could not have made", async () => {
  await using api = await anApi(asking);
  const wide = await savedKey(api.store, { tenant: "team-a" });
  const narrow = await savedKey(api.store, { tenant: "team-a", repos: ["https://github.com/octo/**"] });
  const made = async (repo_url: string) => {
    const { body } = await api.post("/jobs", { task: "Add a test", repo_url }, wide.as);
    return (body["job"] as { id: string }).id;
  };
  const [mine, other] = [await made(ours), await made(theirs)];
  const say = async (job: string) => (await api.post(`/jobs/${job}/messages`, { text: "Hello" }, narrow.as)).status;
  expect([await say(mine), await say(other)]).toEqual([202, 422]);
  for (const job of [mine, other]) await api.post(`/jobs/${job}/cancel`, {}, narrow.as);

  for (const verb of ["retry", "publish"])
    expect((await api.post(`/jobs/${other}/${verb}`, {}, narrow.as)).body["code"]).toBe("repo_not_allowed");
  expect((await api.post(`/jobs/${mine}/retry`, {}, narrow.as)).status).toBe(200);
  expect((await api.get(`/jobs/${other}`, narrow.as)).body).toMatchObject({ job: { status: "cancelled" } });
});

test("the model that routes is shown only the profiles of the key", async () => {
  const shown: string[][] = [];
  const choose = async ({ profiles }: { profiles: readonly { name: string }[] }) => {
    shown.push(profiles.map(({ name }) => name));
    return { profile: profiles[0]?.name ?? "", reason: "it is the first" };
  };
  const bundled = ["code", "docs", "review"].map((name) => ({ name, description: name, source: "bundled" as const }));
  await using api = await anApi({ ...asking, choose, bundled });
  const { as } = await savedKey(api.store, { profiles: ["docs", "review"] });
  const answer = await api.post("/jobs", { task: "Add a test" }, as);

  expect(answer).toMatchObject({ status: 202, body: { job: { profile: "docs", routed_by: "ai" } } });
  expect(shown).toEqual([["docs", "review"]]);
});
