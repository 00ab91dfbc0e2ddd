import { z } from "zod";
import type { ProcessId } from "./process-id.ts";

/** Until when a tree may live, in milliseconds of `Clock.uptime()`: SIGTERM at `softAt`, SIGKILL at `hardAt`. */
export type Grant = Readonly<{ softAt: number; hardAt: number }>;

/** Why a tree ended; the first cause counts. */
export const exitReasons = [
  "exited", // the command ended by itself
  "terminated", // asked to, by `terminate`
  "killed", // by `kill`
  "expired", // its grant ran out
  "lifeline", // the runner or the lifeline's reader was gone
  "failed", // the command was never started
  "warden_lost", // the warden died first and took the tree with it
] as const;
export type ExitReason = (typeof exitReasons)[number];

/** The end of a tree. `code` as a shell reports it (128 + n for signal n); null when the command was killed with its tree. */
export type TreeExit = Readonly<{
  reason: ExitReason;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why the command was never started; empty otherwise. */
  message: string;
  /** Only there when something could not be killed: the attempt is not over. */
  survivors?: readonly ProcessId[];
}>;

/** A tree of processes under a warden. */
export interface Tree {
  /** The warden's. */
  readonly id: ProcessId;
  /** Resolves when the command was started (true) or never will be (false). */
  readonly started: Promise<boolean>;
  /** Replaces the grant; of no effect once SIGTERM was sent. */
  grant(until: Grant): void;
  /** Hands text to the command's input; false when nobody reads it any more. */
  write(text: string): Promise<boolean>;
  /** Ends the command's input. */
  closeInput(): void;
  /** SIGINT to the command. */
  interrupt(): void;
  /** SIGTERM to the command now, SIGKILL to the whole tree after `graceMs`. */
  terminate(graceMs: number): void;
  /** SIGKILL to the whole tree. */
  kill(): void;
  /** Resolves, never rejects, when the tree is dead. */
  readonly exited: Promise<TreeExit>;
  /** Processes that still live; empty is the proof that the tree is dead. */
  survivors(): Promise<readonly ProcessId[]>;
}

/** What the warden writes before the command starts. */
export const WardenState = z.object({
  job: z.string(),
  fence: z.int(),
  boot_id: z.string(),
  pid: z.int().positive(),
  start_time: z.int(),
  init_pid: z.int().positive(),
  init_start_time: z.int(),
});
export type WardenState = z.infer<typeof WardenState>;

/** What the warden writes after the last process is gone. */
export const ExitState = z.object({
  job: z.string(),
  fence: z.int(),
  reason: z.enum(exitReasons),
  code: z.int().min(0).max(255).nullable(),
});
export type ExitState = z.infer<typeof ExitState>;
