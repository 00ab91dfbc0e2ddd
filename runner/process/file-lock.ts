import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { AppError } from "../../shared/error.ts";

/**
 * Does `act` while no other process of this machine does something under the same lock. The lock is flock(2)'s, held
 * by a child that ends with us: the kernel gives it back whatever happens.
 * @throws AppError `setup_failed` when another holds it for more than a minute.
 */
export async function withFileLock<T>(path: string, act: () => Promise<T>): Promise<T> {
  // flock(1) would make it readable for all; where it cannot be made, flock fails too.
  await open(path, "a", 0o600).then(
    (file) => file.close(),
    () => undefined,
  );
  const options = { env: { PATH: "/usr/bin:/bin" }, stdio: ["pipe", "pipe", "ignore"] } as const;
  const child = spawn("flock", ["--wait", "60", path, "cat"], { ...options, stdio: [...options.stdio] });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  child.stdin.on("error", () => undefined);
  try {
    child.stdin.write("\n");
    // The answer comes once the lock is held.
    const isHeld = await Promise.race([once(child.stdout, "data").then(() => true), ended.then(() => false)]);
    if (!isHeld) {
      throw new AppError("setup_failed", `The lock ${path} could not be had: another runner holds it.`);
    }
    return await act();
  } finally {
    child.stdin.end();
    await ended;
  }
}
