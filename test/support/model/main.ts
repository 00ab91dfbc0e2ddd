import { parseArgs } from "node:util";
import { startModel } from "./start-model.ts";

/** `node test/support/model/main.ts --port 4000`: the scripted model until Ctrl-C; its address is the first line. */
const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const model = await startModel({ port: Number(values.port) });
console.log(model.url);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void model[Symbol.asyncDispose]().then(() => process.exit(0)));
}
