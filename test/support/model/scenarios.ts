import { type Reply, say } from "./reply.ts";
import { delegates } from "./scenarios/delegates.ts";
import { demo } from "./scenarios/demo.ts";
import { failures } from "./scenarios/failures.ts";
import { routes } from "./scenarios/routes.ts";
import { streams } from "./scenarios/streams.ts";
import { texts } from "./scenarios/texts.ts";
import { waits } from "./scenarios/waits.ts";
import { writes } from "./scenarios/writes.ts";
import type { Scenario, Turn } from "./turn.ts";

/** Every script by the name that `[[scenario:NAME …]]` chooses; without a marker `default` is played. */
const scenarios: Readonly<Record<string, Scenario>> = {
  ...texts,
  ...writes,
  ...waits,
  ...failures,
  ...streams,
  ...demo,
  ...routes,
  ...delegates,
};

/** What the script says next. One that lets the request through goes on with `then=NAME`, by default `text`. */
export const replyTo = (turn: Turn): Reply =>
  named(turn.scenario)(turn) ?? named(turn.args["then"] ?? "text")(turn) ?? say("Nothing more to say.");

const named = (name: string): Scenario =>
  scenarios[name] ?? (() => say(`There is no scenario "${name}"; there are ${Object.keys(scenarios).join(", ")}.`));
