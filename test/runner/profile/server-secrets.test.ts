import { expect, test } from "vitest";
import { serverSecrets } from "../../../runner/profile/server-secrets.ts";
import { redactor } from "../../../shared/redact.ts";

const variables = { PLAIN: "value-of-plain-variable", EMPTY: "" };
/** How a text reads behind what is known of the server. */
const seen = (server: object, text: string) => redactor(serverSecrets({ command: "x", ...server }, variables))(text);

test.each([
  ["an option and its value", { args: ["--api-key", "abcdefgh-1"] }, "abcdefgh-1"],
  ["an option with its value", { args: ["--token=abcdefgh-2"] }, "abcdefgh-2"],
  ["a variable for a container", { args: ["run", "-e", "DB_PASSWORD=abcdefgh-3"] }, "abcdefgh-3"],
  ["a header as an option", { args: ["--header", "Authorization: Bearer abcdefgh-4"] }, "abcdefgh-4"],
  ["a header in an option", { args: ["--header=X-Api-Key: abcdefgh-5"] }, "abcdefgh-5"],
  ["a parameter of the address", { url: "https://h.example/mcp?a=b&access_token=abcdefgh%206" }, "abcdefgh 6"],
  ["the same as it is sent", { url: "https://h.example/mcp?access_token=abcdefgh%206" }, "abcdefgh%206"],
  ["a parameter of an address among the arguments", { args: ["https://h.example/?sig=abcdefgh-7"] }, "abcdefgh-7"],
  ["a password in an address", { env: { DATABASE: "postgres://me:abcdefgh-8@h.example/x" } }, "abcdefgh-8"],
  ["a header by its name", { headers: { "X-Auth": "abcdefgh-9" } }, "abcdefgh-9"],
  ["a variable by its name", { env: { MY_SECRET: "abcdefgh-0" } }, "abcdefgh-0"],
  ["a variable that a header is filled in with", { headers: { Authorization: `Bearer \${PLAIN}` } }, variables.PLAIN],
  ["the other value of one that is empty", { env: { KEY: `\${EMPTY:-abcdefgh-a}` } }, "abcdefgh-a"],
  ["what looks made up by chance", { args: ["q9WvT3xkLm2RbY8z"] }, "q9WvT3xkLm2RbY8z"],
  ["a part of a path that does", { url: "https://h.example/hooks/T0/q9WvT3xkLm2RbY8z" }, "q9WvT3xkLm2RbY8z"],
  ["a long row of hex digits", { env: { ID: "0123456789abcdef0123456789abcdef" } }, "0123456789abcdef0123456789abcdef"],
])("of an MCP server %s is taken out of what is told", (_, server, secret) => {
  expect(seen(server, `it says ${secret}!`)).toBe("it says [redacted]!");
});

test.each([
  "-y",
  "@modelcontextprotocol/server-filesystem@2025.11.25",
  "claude-sonnet-4-5-20250929",
  "https://mcp.example.com/v1/mcp?project=agenticore-production&region=eu-west-1",
  "/home/someone/projects/agenticore-2026/server.mjs",
  "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10",
  "--allowed-directories=/srv/repositories",
  `\${UNKNOWN_VARIABLE}`,
])("words that anybody may read stay: %s", (word) => {
  expect(seen({ args: [word], url: word, env: { PLACE: word } }, `it says ${word}!`)).toBe(`it says ${word}!`);
});
