import { type Redact, redactor } from "../shared/redact.ts";

/** Secrets that this process learns of while it runs. They are few, and stay: what was said with them may be told later. */
export type HiddenValues = Readonly<{ hide: Redact; add: (values: readonly string[]) => void }>;

export function hiddenValues(): HiddenValues {
  const known = new Set<string>();
  let redact: Redact = (text) => text;
  return {
    hide: (text) => redact(text),
    add: (values) => {
      const before = known.size;
      for (const value of values) known.add(value);
      if (known.size > before) redact = redactor([...known]);
    },
  };
}
