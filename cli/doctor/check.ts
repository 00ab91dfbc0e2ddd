/** One thing that `doctor` looked at. */
export type Check = Readonly<{
  name: string;
  /** `warn`: jobs run, but something is missing or unsafe. `broken`: they do not. */
  state: "ok" | "warn" | "broken";
  says: string;
  /** What to do about it; absent when all is well. */
  mend?: string;
}>;

export const ok = (name: string, says: string): Check => ({ name, state: "ok", says });
export const warn = (name: string, says: string, mend: string): Check => ({ name, state: "warn", says, mend });
export const broken = (name: string, says: string, mend: string): Check => ({ name, state: "broken", says, mend });
