import { connect, constants } from "node:http2";
import { Refused } from "./outlet.ts";

export type GrpcCall = Readonly<{
  /** `http://` is plain HTTP/2, `https://` TLS. */
  endpoint: string;
  /** `/package.Service/Method`. */
  path: string;
  headers: Readonly<Record<string, string>>;
  message: Buffer;
}>;

/** Statuses after which the same call may succeed (OTLP 1.x, "Failures"; grpc/doc/statuscodes.md). */
const passing = ["1", "4", "8", "10", "11", "14", "15"];

/**
 * One unary call of gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md); its answer is not read but for the status.
 * @throws Refused when it will never be taken, Error when it was not.
 */
export async function grpcCall({ endpoint, path, headers, message }: GrpcCall, signal: AbortSignal): Promise<void> {
  const session = connect(endpoint);
  const cut = () => session.destroy();
  signal.addEventListener("abort", cut, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      session.once("error", reject);
      session.once("close", () => reject(new Error("the collector closed the connection")));
      const stream = session.request({
        ...headers,
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      let http = 0;
      let status: string | undefined;
      stream.on("response", (answer) => {
        http = Number(answer[":status"]);
        status = answer["grpc-status"]?.toString();
      });
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"]?.toString() ?? status;
      });
      stream.once("error", reject);
      stream.resume().once("end", () => {
        if (http === 200 && status === "0") return resolve();
        const what = `the collector answered HTTP ${http}, gRPC status ${status ?? "none"}`;
        reject(status === undefined || passing.includes(status) ? new Error(what) : new Refused(what));
      });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([head, message]));
    });
  } finally {
    signal.removeEventListener("abort", cut);
    session.destroy();
  }
}
