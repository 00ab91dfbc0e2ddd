import { AppError } from "./error.ts";

/**
 * Checks a `base_ref` by contract 2: the allowed letters, and what `git check-ref-format --branch`
 * refuses (git-check-ref-format(1), rules 1 to 9), without starting git.
 * @returns the same text.
 * @throws AppError invalid_request, with the reason.
 */
export function checkBaseRef(raw: string): string {
  const why = faultOf(raw);
  if (why === undefined) return raw;
  throw new AppError("invalid_request", `base_ref ${why}`, {
    errors: [{ path: "base_ref", message: why }],
    remedy: "Give the name of a branch or tag, or a full commit hash.",
  });
}

function faultOf(raw: string): string | undefined {
  if (raw === "") return "is empty";
  if (raw.length > 200) return "is longer than 200 characters";
  if (!/^[A-Za-z0-9]/.test(raw)) return "does not begin with a letter or a digit";
  if (!/^[A-Za-z0-9._/@+#=-]+$/.test(raw)) return "contains a character that is not allowed";
  if (raw.includes("..")) return "contains `..`";
  if (raw.includes("@{")) return "contains `@{`";
  if (raw.includes("//")) return "contains `//`";
  if (raw === "HEAD") return "is HEAD: leave it out to use the default branch";
  if (/[./]$/.test(raw)) return "ends with `.` or `/`";
  if (raw.split("/").some((part) => part.startsWith(".") || part.endsWith(".lock")))
    return "has a part that begins with `.` or ends with `.lock`";
  return undefined;
}
