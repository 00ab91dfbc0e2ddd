/** All that a log or a person could see of an error: its texts, its fields, and those of its causes. */
export const everyWord = (error: unknown): string =>
  error instanceof Error
    ? [
        ...Object.getOwnPropertyNames(error).map((key) => (key === "cause" ? "" : String(Reflect.get(error, key)))),
        JSON.stringify(error),
        everyWord(error.cause),
      ].join("\n")
    : (JSON.stringify(error) ?? "");
