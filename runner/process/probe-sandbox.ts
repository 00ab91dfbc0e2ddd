import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import { bubblewrap, processGroup, rootNamespace, type Sandbox, userNamespace } from "./sandbox.ts";
import { startTree } from "./spawn-warden.ts";

type Probe = Readonly<{
  /** AGENTICORE_SANDBOX: `none` has to be asked for. */
  wanted: "auto" | "none";
  clock: Clock;
  /** Where the trial may make a folder. */
  folder?: string;
  /** What to try, best first. */
  candidates?: readonly Sandbox[];
}>;

/** The best sandbox of this machine, found by running a command in each and looking at what it sees. */
export async function probeSandbox({
  wanted,
  clock,
  folder = tmpdir(),
  candidates = usual(),
}: Probe): Promise<Sandbox> {
  if (wanted === "none") return processGroup("AGENTICORE_SANDBOX declines namespaces");
  const reasons: string[] = [];
  for (const sandbox of candidates) {
    const fault = await tryOut(sandbox, folder, clock);
    if (fault === undefined) return sandbox;
    reasons.push(fault);
  }
  return processGroup(`Namespaces cannot be made on this machine (${[...new Set(reasons)].join("; ")})`);
}

const usual = (): readonly Sandbox[] =>
  process.getuid?.() === 0 ? [rootNamespace, userNamespace] : [userNamespace, bubblewrap];

/** What went wrong, or undefined. */
async function tryOut(sandbox: Sandbox, folder: string, clock: Clock): Promise<string | undefined> {
  const root = await mkdtemp(join(folder, "agenticore-probe-"));
  const [data, cwd, tmp] = [join(root, "data"), join(root, "data/work"), join(root, "data/tmp")];
  try {
    for (const path of [cwd, tmp]) await mkdir(path, { recursive: true });
    await writeFile(join(data, "secret"), "");
    await writeFile(join(tmp, "mine"), "");
    const until = { softAt: clock.uptime() + 10_000, hardAt: clock.uptime() + 10_000 };
    // PID 1 is its parent, what is hidden is hidden, and neither can be undone.
    const seen = '[[ $PPID == 1 && -e /tmp/mine && ! -e $1/secret && -w . ]] && ! umount "$1" 2>/dev/null';
    const tree = startTree(
      {
        job: "probe",
        fence: 1,
        argv: ["/bin/bash", "--norc", "-c", seen, "probe", data],
        cwd,
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        runDir: join(root, "run"),
        sandbox,
        visible: [],
        hidden: [data],
        tmp,
        until,
      },
      { clock },
    );
    const { reason, code, message } = await tree.exited;
    if (reason === "exited" && code === 0) return undefined;
    return message || `${sandbox.enter[0] ?? "no command"}: a job would still see what is hidden`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
