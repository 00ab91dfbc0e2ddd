import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Something that must never run: a program that leaves a mark when it does. */
export type Trap = Readonly<{ command: string; hooks: string; sprung: () => boolean }>;

const hookNames = [
  ...[
    "pre-commit",
    "commit-msg",
    "prepare-commit-msg",
    "post-commit",
    "post-checkout",
    "post-index-change",
    "pre-push",
  ],
  ...[
    "reference-transaction",
    "pre-receive",
    "update",
    "post-receive",
    "post-update",
    "proc-receive",
    "push-to-checkout",
  ],
  ...["fsmonitor-watchman", "pre-auto-gc", "post-merge", "pre-rebase", "sendemail-validate"],
];

export function aTrap(folder: string): Trap {
  const mark = join(folder, "sprung");
  const command = join(folder, "trap");
  const hooks = join(folder, "trap-hooks");
  writeFileSync(command, `#!/bin/sh\ntouch '${mark}'\ncat\n`);
  chmodSync(command, 0o755);
  setHooks(hooks, command);
  return { command, hooks, sprung: () => existsSync(mark) };
}

export function setHooks(folder: string, command: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of hookNames) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${command} </dev/null\n`);
    chmodSync(join(folder, name), 0o755);
  }
}

/** Every setting we know of by which a repository's configuration runs a program or sends git elsewhere. */
export const hostileConfig = ({ command, hooks }: Trap, elsewhere: string): string => `
[core]
	fsmonitor = ${command}
	hooksPath = ${hooks}
	sshCommand = ${command}
	gitProxy = ${command}
	askPass = ${command}
	editor = ${command}
	pager = ${command}
	alternateRefsCommand = ${command}
	attributesFile = ${join(hooks, "../trap-attributes")}
[filter "trap"]
	clean = ${command}
	smudge = ${command}
	process = ${command}
	required = true
[diff]
	external = ${command}
[diff "trap"]
	command = ${command}
	textconv = ${command}
[merge "trap"]
	driver = ${command}
[gpg]
	program = ${command}
[commit]
	gpgSign = true
[credential]
	helper = ${command}
[uploadpack]
	packObjectsHook = ${command}
[url "${elsewhere}"]
	insteadOf = /
	pushInsteadOf = /
`;
