import { realpathSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "../../shared/error.ts";
import type { Profile } from "../../shared/profile.ts";
import { findProgram } from "../find-program.ts";
import type { TreePlan } from "../process/spawn-warden.ts";
import { openBridge } from "./bridge.ts";
import { bwrapOptions, tryBwrap } from "./bwrap.ts";

type Command = Pick<TreePlan, "argv" | "env" | "readable">;
type Order = Readonly<{
  profile: Pick<Profile, "sandbox" | "network">;
  /** What the command may see is the tree's; all else is read-only in a box. */
  tree: Omit<TreePlan, "until">;
  /** The runner's own PATH. */
  path: string;
  /** Variables that hold addresses of the runner's loopback, which the command needs without network too. */
  needs: readonly string[];
  /** Whether the model is reached through the key broker. */
  brokered: boolean;
}>;

/** The tree's command, in the box that the profile asks for; without one, as it is. @throws AppError `setup_failed`. */
export async function openBox({ profile, tree, path, needs, brokered }: Order): Promise<Command & AsyncDisposable> {
  const { sandbox, network } = profile;
  if (sandbox === "none") {
    if (network === "off") throw refused("`network: off` holds in `sandbox: bubblewrap` only");
    return {
      argv: tree.argv,
      env: tree.env,
      readable: tree.readable ?? [],
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  if (network === "off" && !brokered)
    throw refused("`network: off` needs the key broker: only with an API key does Claude reach the model then");
  const program = await findProgram("bwrap", path);
  if (!program) throw refused("`sandbox: bubblewrap` needs the program bwrap, which is not in PATH");
  const fault = await tryBwrap(program);
  if (fault !== undefined) throw refused(`\`sandbox: bubblewrap\` does not work on this machine: ${fault}`);
  const cache = join(tree.tmp, "cache");
  const env = { XDG_CACHE_HOME: cache, npm_config_cache: join(cache, "npm"), ...tree.env };
  const ports = network === "off" ? needs.map((name) => portOf(name, tree.env[name])) : [];
  const links = join(tree.tmp, "net");
  // By their real paths: what links to them may be covered.
  const [command, ...args] = tree.argv;
  const own = [...(ports.length > 0 ? [process.execPath, relay] : []), command].map((file) => realpathSync(file));
  const relayed =
    ports.length > 0 ? [...own.slice(0, 2), links, ports.join(","), ...own.slice(2), ...args] : [...own, ...args];
  const readable = [...(tree.readable ?? []), ...own];
  const view = { ...tree, visible: [tree.cwd, ...tree.visible], readable, network: network === "on" };
  const argv = [program, ...bwrapOptions(view), "--", ...relayed] as const;
  const bridge = ports.length > 0 ? await openBridge(links, ports) : undefined;
  return {
    argv,
    env,
    readable,
    [Symbol.asyncDispose]: async () => await bridge?.[Symbol.asyncDispose](),
  };
}

/** Beside this file: as it is in a checkout, compiled in the package. */
const relay = fileURLToPath(new URL(`relay-main${extname(import.meta.url)}`, import.meta.url));

function portOf(name: string, address: string | undefined): number {
  const url = address === undefined || !URL.canParse(address) ? undefined : new URL(address);
  if (url?.hostname === "127.0.0.1" && url.port !== "") return Number(url.port);
  throw refused(`\`network: off\`: ${name} does not lead to the runner`);
}

const refused = (why: string): AppError =>
  new AppError("setup_failed", `${why[0] === "`" ? "The profile's " : ""}${why}.`, {
    remedy:
      "Change the profile, or the machine: `agenticore doctor` says what works here. Nothing was spent on Claude.",
  });
