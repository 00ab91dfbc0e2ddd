import { randomUUID } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { profileChooser } from "../../api/choose-profile.ts";
import { systemClock } from "../../shared/clock.node.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Job } from "../../shared/job.ts";
import { RouteRule } from "../../shared/route-rule.ts";
import { aRunner } from "../support/a-job.ts";
import { anApi, type Reply, someProfiles } from "../support/an-api.ts";
import { eventually } from "../support/eventually.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

const jobOf = (answer: Reply) => answer.body["job"] as Job;
const routeOf = (answer: Reply) => {
  const { profile, routed_by, route_reason } = jobOf(answer);
  return [profile, routed_by, route_reason];
};
const rules = (...given: unknown[]) => given.map((rule) => RouteRule.parse(rule));

describe("rules", () => {
  const settings = {
    rules: rules(
      { profile: "review", repo: "https://github.com/octo/*", task: "^(review|look at)\\b" },
      { profile: "code", label: { team: "blue" }, reason: "The blue team writes." },
      { profile: "review", repo: ["git@example.com:**", "https://gitlab.com/**"] },
    ),
  };
  const octo = "https://github.com/octo/repo.git";

  test("the first rule that fits chooses, and the job says which and why", async () => {
    await using api = await anApi({ settings });
    const both = await api.post("/jobs", { task: "Look at the parser", repo_url: octo, metadata: { team: "blue" } });
    const label = await api.post("/jobs", { task: "Mend it", repo_url: octo, metadata: { team: "blue" } });
    const repo = await api.post("/jobs", { task: "Mend it", repo_url: "ssh://git@example.com/a/b" });
    expect(routeOf(both)).toEqual([
      "review",
      "rule",
      "rule 1: the repository is https://github.com/octo/*, the task has /^(review|look at)\\b/",
    ]);
    expect(routeOf(label)).toEqual(["code", "rule", "The blue team writes."]);
    expect(routeOf(repo)).toEqual([
      "review",
      "rule",
      "rule 3: the repository is git@example.com:** or https://gitlab.com/**",
    ]);
  });

  test("everything that a rule names must fit, else the default is taken", async () => {
    await using api = await anApi({ settings });
    for (const request of [
      { task: "Please review", repo_url: octo },
      { task: "Review it", repo_url: "https://github.com/octo/deep/repo" },
      { task: "Review it" },
      { task: "Mend it", metadata: { team: "red" } },
      { task: "Mend it", metadata: { toString: "blue" } },
    ])
      expect(routeOf(await api.post("/jobs", request))).toEqual([
        "code",
        "default",
        "no profile was asked for, and no rule fits",
      ]);
  });

  test("a profile that is asked for is taken, whatever rules say", async () => {
    await using api = await anApi({ settings });
    const answer = await api.post("/jobs", { task: "Review it", repo_url: octo, profile: "code" });
    expect(routeOf(answer)).toEqual(["code", "request", undefined]);
  });

  test("W-35: a rule that names an unknown or broken profile is told, and no other profile is taken", async () => {
    await using api = await anApi({
      settings: { rules: rules({ profile: "reveiw", task: "one" }, { profile: "docs", task: "two" }) },
    });
    await api.store.announce(
      aRunner({ profiles: [{ name: "docs", description: "", source: "user", error: "broken" }] }),
    );
    const unknown = await api.post("/jobs", { task: "one" });
    const broken = await api.post("/jobs", { task: "two" });
    expect([unknown.status, unknown.body["code"]]).toEqual([422, "profile_not_found"]);
    expect(unknown.body["detail"]).toContain("code, docs, review. It was chosen because rule 1: the task has /one/.");
    expect([broken.status, broken.body["code"]]).toEqual([422, "profile_invalid"]);
  });

  test("the same idempotency key gives the same job, with the rule's profile written out too", async () => {
    await using api = await anApi({ settings });
    const key = { "idempotency-key": randomUUID() };
    const request = { task: "Review it", repo_url: octo };
    const first = await api.post("/jobs", request, key);
    const again = await api.post("/jobs", request, key);
    const spelled = await api.post("/jobs", { ...request, profile: "review" }, key);
    expect([first.status, again.status, spelled.status]).toEqual([202, 200, 200]);
    expect(jobOf(spelled).id).toBe(jobOf(first).id);
  });
});

describe("a model that chooses", () => {
  let model: Model;
  beforeAll(async () => {
    model = await startModel();
  });
  afterAll(() => model[Symbol.asyncDispose]());

  type Chooser = Readonly<{ url?: string; clock?: Clock; env?: Record<string, string> }>;
  const chooser = ({ url = model.url, clock = systemClock, env = {} }: Chooser = {}) =>
    profileChooser({
      fetch: (...request) => fetch(...request),
      clock,
      model: "small-model",
      env: { ANTHROPIC_API_KEY: "scripted-key-0001", ANTHROPIC_BASE_URL: url, ...env },
    });
  const asked = (task: string) => model.requests().filter(({ lastUserText }) => lastUserText.includes(task));

  test("it is asked once, with names and descriptions, and its choice and reason are on the job", async () => {
    await using api = await anApi({ choose: chooser() });
    const mark = randomUUID();
    const task = `Look for faults ${mark} [[scenario:choose profile=review reason="It only\t reads.\u001b[31m"]]`;
    const answer = await api.post("/jobs", { task, repo_url: "https://github.com/octo/repo" });
    expect(routeOf(answer)).toEqual(["review", "ai", "It only reads. [31m"]);
    const [request, ...more] = asked(mark);
    expect(more).toEqual([]);
    expect(request).toMatchObject({ model: "small-model", stream: false, key: "api_key", tools: ["choose_profile"] });
    for (const words of ["- code: Writes code", "- review: Reads only", "https://github.com/octo/repo"])
      expect(request?.lastUserText).toContain(words);
  });

  test("a token in place of a key is sent as a bearer", async () => {
    await using api = await anApi({
      choose: chooser({ env: { ANTHROPIC_API_KEY: "", ANTHROPIC_AUTH_TOKEN: "t-000001" } }),
    });
    const mark = randomUUID();
    await api.post("/jobs", { task: `${mark} [[scenario:choose profile=review]]` });
    expect(asked(mark)[0]?.key).toBe("bearer");
  });

  test("it is not asked where a profile was asked for, a rule fits, or the request is refused", async () => {
    const settings = { rules: rules({ profile: "review", task: "by rule" }) };
    await using api = await anApi({ choose: chooser(), settings });
    const mark = randomUUID();
    const task = `${mark} [[scenario:choose profile=review]]`;
    await api.post("/jobs", { task, profile: "code" });
    await api.post("/jobs", { task: `by rule ${task}` });
    expect((await api.post("/jobs", { task, repo_url: "http://example.org/a" })).status).toBe(422);
    expect((await api.post("/jobs", { task, session_id: randomUUID() })).status).toBe(404);
    expect(asked(mark)).toEqual([]);
  });

  test("a broken profile is not offered, and where there is only one left nobody is asked", async () => {
    await using api = await anApi({ choose: chooser() });
    const broken = { name: "review", description: "", source: "user", error: "broken" };
    await api.store.announce(aRunner({ profiles: [broken] }));
    const answer = await api.post("/jobs", { task: "[[scenario:choose profile=review]]" });
    expect(routeOf(answer)).toEqual(["code", "default", "there is no other profile to choose"]);
  });

  test.each([
    ["names no profile", "[[scenario:choose]]", "its answer names no profile"],
    [
      "names one that there is not",
      "[[scenario:choose profile=admin]]",
      "its answer names a profile that there is not",
    ],
    ["answers with an error", "[[scenario:overloaded]]", "it answered with status 529"],
    ["refuses the key", "[[scenario:unauthorized]]", "it answered with status 401"],
  ])("when it %s the default is taken and the job says so", async (_what, task, why) => {
    await using api = await anApi({ choose: chooser() });
    const answer = await api.post("/jobs", { task });
    expect(answer.status).toBe(202);
    expect(routeOf(answer)).toEqual(["code", "default", `the model that routes did not decide: ${why}`]);
  });

  test("when it does not answer within 5 s the default is taken, and the request is given up", async () => {
    const clock = fakeClock();
    await using api = await anApi({ choose: chooser({ clock }) });
    const mark = randomUUID();
    const waiting = api.post("/jobs", { task: `${mark} [[scenario:choose profile=review]] [[hold:${mark}]]` });
    await model.waitFor(({ lastUserText }) => lastUserText.includes(mark));
    clock.advance(4_999);
    expect(await Promise.race([waiting, systemClock.sleep(50).then(() => "still waiting")])).toBe("still waiting");
    clock.advance(1);
    expect(routeOf(await waiting)).toEqual([
      "code",
      "default",
      "the model that routes did not decide: it did not answer within 5 s",
    ]);
    await eventually(() => asked(mark)[0]?.state === "dropped", { what: "the request is dropped" });
    expect(clock.sleepers()).toBe(0);
  });

  test("a beginning of an answer that never ends counts as none", async () => {
    const clock = fakeClock();
    await using server = await answering((_request, out) => void out.writeHead(200).write('{"content": ['));
    await using api = await anApi({ choose: chooser({ url: server.url, clock }) });
    const waiting = api.post("/jobs", { task: "x" });
    await server.asked;
    clock.advance(5_000);
    expect(routeOf(await waiting)[2]).toContain("within 5 s");
  });

  test.each([
    ["no JSON", (out: Parameters<RequestListener>[1]) => out.end("<html>"), "its answer names no profile"],
    [
      "a way to elsewhere",
      (out: Parameters<RequestListener>[1]) => out.writeHead(307, { location: "http://127.0.0.1:9/" }).end(),
      "it answered with status 307",
    ],
  ])("%s for an answer counts as none, and the key goes nowhere else", async (_what, reply, why) => {
    await using server = await answering((_request, out) => void reply(out));
    await using api = await anApi({ choose: chooser({ url: server.url }) });
    expect(routeOf(await api.post("/jobs", { task: "x" }))[2]).toContain(why);
  });

  test("without a key, and where nobody listens, the default is taken and the reason tells no secret", async () => {
    await using keyless = await anApi({ choose: chooser({ env: { ANTHROPIC_API_KEY: "" } }) });
    expect(routeOf(await keyless.post("/jobs", { task: "x" }))[2]).toContain("there is no ANTHROPIC_API_KEY");
    const closed = await answering(() => undefined);
    await closed[Symbol.asyncDispose]();
    await using api = await anApi({ choose: chooser({ url: closed.url.replace("//", "//me:geheimnis@") }) });
    const [, by, why] = routeOf(await api.post("/jobs", { task: "x" }));
    expect([by, why]).toEqual(["default", expect.stringContaining("it cannot be reached")]);
    expect(why).not.toContain("geheim");
  });

  test("a request has at most 8,000 bytes and an answer 200 tokens: with the default model less than a cent", async () => {
    const bodies: { bytes: number; body: { max_tokens: number; messages: { content: string }[] } }[] = [];
    await using server = await answering(async (request, out) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      bodies.push({ bytes: body.length, body: JSON.parse(body.toString()) });
      out.writeHead(500).end();
    });
    const many = Array.from({ length: 400 }, (_, index) => ({
      ...{ name: `profile-${index}`, description: "Ü".repeat(2_000), source: "user" },
    }));
    for (const task of ["\u0007".repeat(99_000), "漢".repeat(50_000), "short"])
      for (const bundled of [someProfiles, [...someProfiles, ...many]]) {
        await using api = await anApi({ choose: chooser({ url: server.url }), bundled });
        await api.post("/jobs", { task });
      }
    expect(bodies).toHaveLength(6);
    for (const { bytes, body } of bodies) {
      expect(bytes).toBeLessThanOrEqual(8_000);
      expect(body.max_tokens).toBe(200);
      expect(body.messages[0]?.content).toContain("- code");
    }
    const millionthsOfADollar = 8_000 * 1 + 200 * 5;
    expect(millionthsOfADollar).toBeLessThan(10_000);
  });

  test("the same idempotency key gives the same job, also when the model would choose otherwise now", async () => {
    const choices = ["review", "code"];
    await using api = await anApi({ choose: async () => ({ profile: choices.shift() ?? "code", reason: "A whim." }) });
    const key = { "idempotency-key": randomUUID() };
    const first = await api.post("/jobs", { task: "x" }, key);
    const again = await api.post("/jobs", { task: "x" }, key);
    const other = await api.post("/jobs", { task: "y" }, key);
    expect([first.status, again.status, other.status]).toEqual([202, 200, 422]);
    expect(jobOf(again)).toMatchObject({ id: jobOf(first).id, profile: "review", routed_by: "ai" });
  });
});

async function answering(listener: RequestListener) {
  const asked = Promise.withResolvers<void>();
  const server = createServer((request, out) => {
    asked.resolve();
    void listener(request, out);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: asked.promise,
    [Symbol.asyncDispose]: close,
  };
}
