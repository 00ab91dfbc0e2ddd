import { spawn } from "node:child_process";

/**
 * Takes away a file or a folder with all that is in it, also where folders in it are closed to us, as an agent can make them
 * and as Go's module cache is; there may be none. Links are not followed. rm(1) keeps our event loop free.
 * @throws Error where something stays.
 */
export async function removeFolder(path: string): Promise<void> {
  if ((await run("rm", ["-rf", "--", path])) === 0) return;
  await run("chmod", ["-R", "u+rwx", "--", path]);
  const code = await run("rm", ["-rf", "--", path]);
  if (code !== 0) throw new Error(`${path} could not be taken away: rm ended with ${code}`);
}

const run = (program: string, args: readonly string[]) =>
  new Promise<number | null>((resolve, reject) => {
    spawn(program, args, { env: { PATH: "/usr/bin:/bin" }, stdio: "ignore" })
      .once("error", reject)
      .once("exit", resolve);
  });
