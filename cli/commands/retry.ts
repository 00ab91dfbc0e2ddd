import { queueAgain } from "../queue-again.ts";

export const retry = queueAgain({
  example: "agenticore retry 1f0c2f5e",
  ask: (client, id) => client.retry(id),
});
