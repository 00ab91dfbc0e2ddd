import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { constants } from "node:os";

/**
 * `node relay-main.ts FOLDER PORT,PORT COMMAND …`, inside a box without network: whoever connects to a port of its loopback
 * reaches the socket `FOLDER/PORT`, behind which the runner is. Starts the command and ends with it.
 */
const [folder = "", ports = "", command = "", ...args] = process.argv.slice(2);
for (const port of ports.split(",")) {
  const server = createServer((from) => {
    const to = connect(`${folder}/${port}`);
    from.pipe(to).pipe(from);
    from.on("error", () => to.destroy());
    to.on("error", () => from.destroy());
  });
  server.listen(Number(port), "127.0.0.1");
  await once(server, "listening");
}
const child = spawn(command, args, { stdio: "inherit" });
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => child.kill(signal));
child.once("error", (error) => {
  process.stderr.write(`${command} could not be started: ${error.message}\n`);
  process.exit(126);
});
child.once("exit", (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
