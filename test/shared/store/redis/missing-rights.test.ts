import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { answeredError } from "../../../../shared/store/redis/answered-error.ts";
import { startRedis } from "../../../support/a-redis.ts";

test("what a user may not do inside a script is told as a matter of its rights, as outside of one", async () => {
  await using redis = await startRedis();
  const admin = new Redis(redis.url);
  await admin.call("ACL", "SETUSER", "user", "reset", "on", ">secret", "~a:*", "+eval", "+get");
  const user = new Redis(redis.url.replace("redis://", "redis://user:secret@"), { enableReadyCheck: false });
  const refused = async (source: string) => {
    const error = await user.eval(source, 0).catch((thrown: Error) => thrown);
    return answeredError(String((error as Error).message), { place: "Redis", what: "EVAL", args: [] });
  };

  for (const source of ["return redis.call('TIME')", "return redis.call('GET', 'b:1')"])
    expect(await refused(source)).toMatchObject({
      code: "store_unavailable",
      remedy: expect.stringContaining("what that user may do"),
    });
  user.disconnect();
  admin.disconnect();
});
