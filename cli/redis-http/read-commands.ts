import type { RedisCommand } from "./redis-reply.ts";
import { Refusal } from "./refusal.ts";

type Word = string | number | boolean;

/** The body of `POST /`: one command. @throws Refusal 400 */
export const readCommand = (text: string): RedisCommand => toCommand(parse(text));

/** The body of `/pipeline` and `/multi-exec`: a list of commands. @throws Refusal 400, and 413 for too many. */
export function readCommands(text: string, most: number): readonly RedisCommand[] {
  const list = parse(text);
  if (!Array.isArray(list) || list.length === 0 || !list.every(Array.isArray))
    throw new Refusal(400, 'ERR the body must be a list of commands, as [["SET","a","1"],["GET","a"]]');
  if (list.length > most) throw new Refusal(413, `ERR at most ${most} commands are taken at once`);
  return list.map(toCommand);
}

function toCommand(value: unknown): RedisCommand {
  if (!Array.isArray(value) || value.length === 0 || typeof value[0] !== "string")
    throw new Refusal(400, 'ERR a command must be a list that begins with its name, as ["SET","key","value"]');
  const wrong = value.findIndex((word) => !isWord(word));
  if (wrong >= 0) throw new Refusal(400, `ERR argument ${wrong} of the command must be a text or a number`);
  const [name = "", ...args] = value.map(String);
  return [name.toUpperCase(), ...args];
}

const isWord = (value: unknown): value is Word => ["string", "number", "boolean"].includes(typeof value);

/** A number that JavaScript would round reaches Redis in the digits that were sent. */
function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.flat().some(isRounded) ? JSON.parse(text, inDigits) : value;
  } catch {
    throw new Refusal(400, "ERR the body is not JSON");
  }
}

const isRounded = (value: unknown): boolean => typeof value === "number" && !Number.isSafeInteger(value);
/** The third argument is there from Node 21 on (tc39.es/proposal-json-parse-with-source). */
const inDigits = (_key: string, value: unknown, context?: Readonly<{ source?: string }>): unknown =>
  typeof value === "number" ? (context?.source ?? value) : value;
