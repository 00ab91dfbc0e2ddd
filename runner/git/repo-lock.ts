import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { AppError } from "../../shared/error.ts";

export type RepoLock = <T>(key: string, path: string, work: (lockFd: number) => Promise<T>) => Promise<T>;

/**
 * One writer per repository on this machine: a queue inside this process, then flock(2) for other processes.
 * flock(1) locks the open file that we share with it, so the lock is ours after it has ended, and git
 * commands that get the descriptor hold it on when we are killed.
 */
export function makeRepoLock(waitSeconds: number): RepoLock {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, path, work) => {
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(
      () => locked(path, waitSeconds, work),
      () => locked(path, waitSeconds, work),
    );
    tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === mine) tails.delete(key);
    }
  };
}

async function locked<T>(path: string, waitSeconds: number, work: (lockFd: number) => Promise<T>): Promise<T> {
  const file = await open(path, "a", 0o600);
  try {
    await takeLock(file.fd, path, waitSeconds);
    return await work(file.fd);
  } finally {
    await file.close();
  }
}

async function takeLock(fd: number, path: string, waitSeconds: number): Promise<void> {
  const child = spawn("flock", ["-x", "-w", String(waitSeconds), "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("exit", resolve);
  });
  if (code === 0) return;
  throw new AppError("clone_failed", `another process holds ${path} for more than ${waitSeconds} s`, {
    remedy: "Look for a git that hangs, or try again later.",
  });
}
