import { queueAgain } from "../queue-again.ts";

export const publish = queueAgain({
  example: "agenticore publish 1f0c2f5e",
  ask: (client, id) => client.publish(id),
});
