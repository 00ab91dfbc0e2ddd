import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

/** The machine's git, made to wait from outside: what a slow network or disk does to it. */
export type GatedGit = Readonly<{
  /** For the server's environment: this git comes first in it. */
  path: string;
  binary: string;
  /** From now on a git with this word among its arguments waits before it begins, or when it has done its work. */
  hold: (word: string, when?: "before" | "after") => void;
  /** Resolves when one waits there. */
  reached: (word: string) => Promise<void>;
  release: (word: string) => void;
}>;

/** Makes it in `folder`. */
export function gatedGit(folder: string): GatedGit {
  const bin = join(folder, "bin");
  const gates = join(folder, "gates");
  mkdirSync(bin, { recursive: true });
  for (const when of ["before", "after"]) mkdirSync(join(gates, when), { recursive: true });
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  writeFileSync(join(bin, "git"), script(real, gates));
  chmodSync(join(bin, "git"), 0o755);
  const places = (word: string) => ["before", "after"].map((when) => join(gates, when, word));
  return {
    path: `${bin}:${process.env["PATH"]}`,
    binary: join(bin, "git"),
    hold: (word, when = "before") => writeFileSync(join(gates, when, word), ""),
    reached: async (word) => {
      const waits = () => places(word).some((place) => existsSync(`${place}.reached`));
      await eventually(waits, { what: `a git ${word} waits` });
    },
    release: (word) => {
      for (const place of places(word)) rmSync(place, { force: true });
    },
  };
}

const script = (real: string, gates: string) => `#!/bin/bash
wait_at() {
  local gate
  for gate in "${gates}/$1"/*; do
    [[ -e $gate && $gate != *.reached ]] || continue
    [[ " \${command[*]} " == *" \${gate##*/} "* ]] || continue
    : >"$gate.reached"
    while [[ -e $gate ]]; do sleep 0.05; done
  done
}
command=("$@")
wait_at before
if [[ $(echo "${gates}/after"/*) == *"*" ]]; then exec "${real}" "$@"; fi
"${real}" "$@"
code=$?
wait_at after
exit $code
`;
