import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../shared/error.ts";
import type { CliContext } from "../context.ts";
import { isOurs } from "./unit.ts";

export const unitName = "agenticore-runner.service";

export type UnitOptions = Readonly<{ user?: true; root?: string; force?: true }>;
export type UnitPlaces = Readonly<{ isSystem: boolean; unit: string; environment: string; systemctl: string }>;

/** The system's unit as root, else one of the user's own; all below `root` where a machine's image is made. */
export function unitPlaces({ env, home }: CliContext, { user, root = "/" }: UnitOptions): UnitPlaces {
  if (process.getuid?.() === 0 && !user)
    return {
      isSystem: true,
      unit: join(root, "etc/systemd/system", unitName),
      environment: join(root, "etc/agenticore/runner.env"),
      systemctl: "systemctl",
    };
  const config = env["XDG_CONFIG_HOME"] || join(home, ".config");
  return {
    isSystem: false,
    unit: join(root, config, "systemd/user", unitName),
    environment: join(root, config, "agenticore/runner.env"),
    systemctl: "systemctl --user",
  };
}

/** @throws AppError `conflict` when somebody changed it and `force` was not asked for; `setup_failed`. */
export async function writeUnit(path: string, text: string, { force }: UnitOptions): Promise<"new" | "same"> {
  const before = await read(path);
  if (before === text) return "same";
  if (before !== undefined && !isOurs(before) && !force) throw changed(path);
  await write(path, text, 0o644);
  return "new";
}

/** Secrets that are there stay: it is only written where there is none. */
export async function writeEnvironment(path: string, text: string): Promise<"new" | "kept"> {
  if ((await read(path)) !== undefined) return "kept";
  await write(path, text, 0o600);
  return "new";
}

/** @returns false when there is none. @throws AppError `conflict` as `writeUnit`, and while it is still enabled. */
export async function removeUnit({ unit, systemctl }: UnitPlaces, { force }: UnitOptions): Promise<boolean> {
  const text = await read(unit);
  if (text === undefined) return false;
  const wants = ["multi-user.target.wants", "default.target.wants"].map((name) => join(dirname(unit), name, unitName));
  for (const link of wants)
    if ((await read(link)) !== undefined)
      throw new AppError("conflict", `${unitName} is enabled: it would be missed at the next start of the machine.`, {
        remedy: `First run \`${systemctl} disable --now ${unitName}\`: that ends the runner when its jobs have ended.`,
      });
  if (!isOurs(text) && !force) throw changed(unit);
  await rm(unit).catch(failed(unit));
  return true;
}

const changed = (path: string) =>
  new AppError("conflict", `${path} was changed by hand, or is not ours.`, {
    remedy: "Keep changes in a drop-in (`systemctl edit`), then use --force to have the unit as it is written.",
  });

const failed = (path: string) => (error: Error) => {
  throw new AppError("setup_failed", `${path} cannot be written: ${error.message}`, {
    cause: error,
    remedy: "Run it as root for the machine, or as a user for that user alone.",
  });
};

async function write(path: string, text: string, mode: number): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, text, { mode });
    await rename(`${path}.new`, path);
  } catch (error) {
    failed(path)(error as Error);
  }
}

const read = (path: string): Promise<string | undefined> =>
  readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    return failed(path)(error);
  });
