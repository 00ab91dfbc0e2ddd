import { spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "../../shared/error.ts";
import { abortable } from "../abortable.ts";
import type { Lockable } from "./repo-place.ts";
import type { Right, StoreLock } from "./store-lock.ts";

/** `lockFd` and `signal` are for every git that writes: it holds the lock on, and it ends when that is lost. */
export type Held = Right & Readonly<{ lockFd: number }>;
export type RepoLock = <T>(place: Lockable, work: (held: Held) => Promise<T>, signal?: AbortSignal) => Promise<T>;
type Locks = Readonly<{
  waitSeconds: number;
  /** Taken besides, where other machines write to the same folders. */
  overMachines?: StoreLock | undefined;
}>;

/**
 * One writer per repository: a queue inside this process, then flock(2) for other processes of this machine, then the
 * lock of the store for other machines, where there are any.
 * flock(1) locks the open file that we share with it, so the lock is ours after it has ended, and git
 * commands that get the descriptor hold it on when we are killed. Waiting ends when the signal aborts.
 */
export function makeRepoLock({ waitSeconds, overMachines }: Locks): RepoLock {
  const tails = new Map<string, Promise<void>>();
  return async ({ name, file }, work, signal) => {
    const before = tails.get(name) ?? Promise.resolve();
    const mine = Promise.withResolvers<void>();
    const tail = before.then(() => mine.promise);
    tails.set(name, tail);
    void tail.then(() => tails.get(name) === tail && tails.delete(name));
    try {
      await abortable(before, signal);
      return await locked(file, { waitSeconds, signal }, async (lockFd) => {
        if (overMachines === undefined) return await work({ lockFd, signal, prove: () => signal?.throwIfAborted() });
        const ask = { name, waitMs: waitSeconds * 1000, signal };
        return await overMachines(ask, (right) => work({ ...right, lockFd }));
      });
    } finally {
      mine.resolve();
    }
  };
}

type Wait = Readonly<{ waitSeconds: number; signal: AbortSignal | undefined }>;

async function locked<T>(path: string, wait: Wait, work: (lockFd: number) => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
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
  const child = spawn("flock", ["-x", "-w", String(waitSeconds), "3"], {
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "ignore", fd],
  });
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
