import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { AppError } from "../../shared/error.ts";
import { abortable } from "./abortable.ts";
import type { Lockable } from "./repo-place.ts";

export type RepoLock = <T>(place: Lockable, work: (lockFd: number) => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * One writer per repository on this machine: a queue inside this process, then flock(2) for other processes.
 * flock(1) locks the open file that we share with it, so the lock is ours after it has ended, and git
 * commands that get the descriptor hold it on when we are killed. Waiting ends when the signal aborts.
 */
export function makeRepoLock(waitSeconds: number): RepoLock {
  const tails = new Map<string, Promise<void>>();
  return async ({ key, file }, work, signal) => {
    const before = tails.get(key) ?? Promise.resolve();
    const mine = Promise.withResolvers<void>();
    const tail = before.then(() => mine.promise);
    tails.set(key, tail);
    void tail.then(() => tails.get(key) === tail && tails.delete(key));
    try {
      await abortable(before, signal);
      return await locked(file, { waitSeconds, signal }, work);
    } finally {
      mine.resolve();
    }
  };
}

type Wait = Readonly<{ waitSeconds: number; signal: AbortSignal | undefined }>;

async function locked<T>(path: string, wait: Wait, work: (lockFd: number) => Promise<T>): Promise<T> {
  const file = await open(path, "a", 0o600);
  try {
    await takeLock(file.fd, path, wait);
    return await work(file.fd);
  } finally {
    await file.close();
  }
}

async function takeLock(fd: number, path: string, { waitSeconds, signal }: Wait): Promise<void> {
  signal?.throwIfAborted();
  const child = spawn("flock", ["-x", "-w", String(waitSeconds), "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  const onAbort = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject).once("exit", resolve);
    });
    signal?.throwIfAborted();
    if (code === 0) return;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  throw new AppError("clone_failed", `another process holds ${path} for more than ${waitSeconds} s`, {
    remedy: "Look for a git that hangs, or try again later.",
  });
}
