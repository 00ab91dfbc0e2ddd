/**
 * How a runner without the database's secret speaks with the API: `POST /runner/v1/{method}`, a JSON array of arguments
 * out, `{ result }` or a problem document back. The version is told in a header by both sides; another one is made when an
 * older side would misread what a newer one sends.
 */
export const runnerProtocol = "1";
export const protocolHeader = "agenticore-runner-protocol";
/** On a 409: the class of the error, which is no AppError. */
export const leaseHeader = "agenticore-lease";
export const runnerPath = "/runner/v1/";

/** An event may be as long as what a tool printed, and a conversation is of megabytes. */
export const maxRunnerBodyBytes = 16 * 1024 * 1024;

/** A wait that nothing ended is ended after this, and asked for anew. */
export const longestWaitMs = 240_000;
/** So often something is written while a runner waits, so that no proxy takes the connection for dead, and no side the other. */
export const aliveMs = 15_000;
