import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { checkBaseRef } from "../shared/base-ref.ts";
import { toAppError } from "../shared/error.ts";
import { PoolName, ProfileName } from "../shared/job.ts";

/** Parsers of option values: a wrong one ends with 2 and says what is allowed. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[+-]?\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };

export const amount =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
  };

const fitting =
  (schema: z.ZodType<string>, allowed: string) =>
  (text: string): string => {
    if (schema.safeParse(text).success) return text;
    throw new InvalidArgumentError(`It must be ${allowed}.`);
  };

export const uuid = fitting(z.uuid(), "a whole id, as 1f0c2f5e-8b86-4d01-b42d-00c04fc964ff");
export const poolName = fitting(PoolName, "a pool's name: a-z, 0-9 and -, at most 32, and not - at first");
export const profileName = fitting(
  ProfileName,
  "a profile's name: letters, digits, `.`, `_` and `-`, at most 64, a letter or digit at first",
);

export function baseRef(text: string): string {
  try {
    return checkBaseRef(text);
  } catch (error) {
    const { errors, message, remedy } = toAppError(error);
    throw new InvalidArgumentError(`It ${errors[0]?.message ?? message}. ${remedy}`);
  }
}
