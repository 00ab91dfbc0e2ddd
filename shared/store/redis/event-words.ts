import type { NewEvent } from "../../event.ts";
import { listed } from "./job-hash.ts";
import type { Word } from "./wire.ts";

type Told = Readonly<{ events?: readonly NewEvent[]; firstEvent?: number }>;

/** What a runner tells of its attempt, as scripts read it: the number of the first event, then types and facts. */
export const eventWords = ({ events = [], firstEvent }: Told): Word[] => [
  firstEvent ?? "",
  ...listed(events.flatMap(({ type, data }) => [type, JSON.stringify(data)])),
];
