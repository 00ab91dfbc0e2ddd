import { type Github, openGithub } from "../../runner/github/github.ts";
import { systemClock } from "../../shared/clock.node.ts";
import type { Clock } from "../../shared/clock.ts";
import { resolveConfig } from "../../shared/config.ts";
import type { Config } from "../../shared/config-keys.ts";
import { silentLog } from "../../shared/log.ts";
import { redactor } from "../../shared/redact.ts";

/** The configuration that these variables make. */
export const configOf = (env: Readonly<Record<string, string>> = {}): Config =>
  resolveConfig({ env, at: { home: "/nowhere", hostName: "box", kubernetes: false } }).config;

/** GitHub as a runner with these variables sees it; without any it has no token. */
export const aGithub = (env: Readonly<Record<string, string>> = {}, clock: Clock = systemClock): Github =>
  openGithub(configOf(env), { fetch, clock, log: silentLog, redact: redactor([]) });
