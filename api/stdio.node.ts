import type { Readable, Writable } from "node:stream";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { assemble, type DoorOptions } from "./assemble.ts";
import { nobody } from "./auth.ts";
import { mcpServer } from "./mcp/server.ts";
import { sweepUntil } from "./sweep.ts";

type Streams = Readonly<{ input: Readable; output: Writable }>;
export type StdioDoor = Readonly<{
  /** Resolves when the client has closed its end. */
  over: Promise<void>;
  /** Whoever waits gets the answer as it stands; nothing is taken or written after it. */
  close: () => Promise<void>;
}>;

/**
 * Serves MCP to the one program that started this process, and sweeps the store. Whoever can start a process as this
 * user needs no key: the caller is the tenant `local`.
 */
export function startStdio(options: DoorOptions, { input, output }: Streams): StdioDoor {
  const { log } = options;
  const stop = new AbortController();
  const deps = assemble(options, { host: "127.0.0.1", stopping: stop.signal });
  const over = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"]) input.once(event, () => resolve());
  });
  const door = serveStdio(({ era }) => mcpServer(deps, { caller: nobody, era }), {
    transport: new StdioServerTransport(input, output),
    onerror: (error) => log.warn("mcp message refused", { error: error.message }),
  });
  const sweeping = sweepUntil(stop.signal, options);
  log.info("mcp over stdio");
  return {
    over,
    close: async () => {
      stop.abort();
      await Promise.all([door.close(), sweeping]);
    },
  };
}
