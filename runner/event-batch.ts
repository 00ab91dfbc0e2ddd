import type { NewEvent } from "../shared/event.ts";

/** What one call to the store carries at most: an HTTP proxy or a plan of a hosted Redis may refuse more. */
const batchEvents = 1_000;
const batchCharacters = 512 * 1024;

/** Of an event, as JSON. */
export const sizeOf = (event: NewEvent): number => JSON.stringify(event).length;

/** How many of the first may go together, by their sizes: at least one. */
export function batchLength(sizes: readonly number[]): number {
  let characters = 0;
  const cut = sizes.findIndex((size, index) => {
    characters += size;
    return index > 0 && (index >= batchEvents || characters > batchCharacters);
  });
  return cut === -1 ? sizes.length : cut;
}
