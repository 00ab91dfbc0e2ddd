import type { z } from "zod";

/** What defaults are made from; entry points read it from the machine. */
export type Surroundings = Readonly<{
  home: string;
  hostName: string;
  kubernetes: boolean;
  /** `sharedFsRoot`, where that is set. */
  shared?: string | undefined;
}>;
/** One key: its variables, the first going before the others, its path in YAML, its kind, its default. */
export type Key<S extends z.ZodType = z.ZodType> = Readonly<{
  env: readonly [string, ...string[]];
  yaml: string;
  schema: S;
  initial: (at: Surroundings) => z.output<S> | undefined;
  isSecret: boolean;
}>;

type Entry<S extends z.ZodType> = Readonly<{ env: string | readonly [string, ...string[]]; yaml: string; schema: S }>;
type Initial<S extends z.ZodType> = z.output<S> | ((at: Surroundings) => z.output<S>);

const names = (env: string | readonly [string, ...string[]]): readonly [string, ...string[]] =>
  typeof env === "string" ? [env] : env;
const isMaker = <T>(value: T | ((at: Surroundings) => T)): value is (at: Surroundings) => T =>
  typeof value === "function";

/** A key that always has a value. */
export const key = <S extends z.ZodType>(entry: Entry<S>, initial: Initial<S>) => ({
  ...entry,
  env: names(entry.env),
  initial: (at: Surroundings) => (isMaker(initial) ? initial(at) : initial),
  isSecret: false,
});
/** A key that may be absent. */
export const maybe = <S extends z.ZodType>(entry: Entry<S>) => ({
  ...entry,
  env: names(entry.env),
  initial: () => undefined,
  isSecret: false,
});
/** The same, of what is shown to nobody. */
export const hidden = <S extends z.ZodType>(entry: Entry<S>) => ({ ...maybe(entry), isSecret: true });

/** A default in the home folder. */
export const at = (path: string) => (place: Surroundings) => `${place.home}/${path}`;
