import { createHash } from "node:crypto";

export type UnitFacts = Readonly<{
  /** Program first: absolute paths and plain words. */
  command: readonly string[];
  /** Where `git` and `claude` are found. */
  path: string;
  environmentFile: string;
  /** Seconds that jobs get to end in when the service is stopped; after them they are given back. */
  drainSeconds: number;
  /** Of whom it is started by the system; absent in a unit of a user's own. */
  user?: string;
}>;

/** What giving jobs back and ending their processes may take beside the drain. */
const endingSeconds = 60;

/**
 * The unit of a runner (systemd.service(5), systemd.exec(5), systemd.kill(5)), with a mark in its first line by which
 * `isOurs` sees whether somebody changed it.
 */
export function unitText(facts: UnitFacts): string {
  const { command, path, environmentFile, drainSeconds, user } = facts;
  const body = `[Unit]
Description=Agenticore runner
Wants=network-online.target
After=network-online.target
# A runner that finds no store tries again for ever.
StartLimitIntervalSec=0

[Service]
Type=exec
${user === undefined ? "" : `User=${user}\n`}WorkingDirectory=~
Environment=${quoted(`PATH=${path}`)}
# Secrets are there, readable by its owner only.
EnvironmentFile=-${environmentFile.replaceAll("%", "%%")}
ExecStart=${command.map((word) => quoted(word).replaceAll("$", "$$$$")).join(" ")}
Restart=always
RestartSec=5
# Stopping drains: the runner alone is told, and its jobs may end. What then still lives of them is killed, to the last.
KillMode=mixed
TimeoutStopSec=${drainSeconds + endingSeconds}
Delegate=yes
# A job that takes all memory ends, and the others go on.
OOMPolicy=continue
# Nothing that mounts over parts of /proc, filters namespaces or takes devices away: the runner gives each job namespaces
# and a /proc of its own, which the kernel would then refuse, and jobs are builds and tests of any kind.
NoNewPrivileges=yes
RestrictRealtime=yes
${user === undefined ? "" : system}
[Install]
WantedBy=${user === undefined ? "default.target" : "multi-user.target"}
`;
  return `${mark}${digest(body)}\n${body}`;
}

/** A unit of a user's own has no right to these, and needs none. */
const system = `PrivateTmp=yes
ProtectSystem=full
ProtectKernelModules=yes
CapabilityBoundingSet=
`;

const mark = "# Written by `agenticore runner install`; for changes use `systemctl edit`. sha256:";
const digest = (body: string): string => createHash("sha256").update(body).digest("hex").slice(0, 16);

/** Whether a unit is as we wrote it once, perhaps with other options or in another version. */
export function isOurs(text: string): boolean {
  const end = text.indexOf("\n");
  return text.slice(0, end) === `${mark}${digest(text.slice(end + 1))}`;
}

/** A word for systemd.syntax(7): quoted, with its escapes and specifiers taken literally. */
const quoted = (word: string): string => `"${word.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%")}"`;
