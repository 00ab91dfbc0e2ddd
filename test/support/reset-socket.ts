import type { Socket } from "node:net";

/**
 * Resets the connection, or closes it where its end was begun already: libuv refuses to reset such a one
 * (uv_tcp_close_reset), and Node then waits for it for ever when its process ends.
 */
export const resetSocket = (socket: Socket): void =>
  void (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());
