import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const checkout = resolve(import.meta.dirname, "../..");
/** Where documents say that the server is. */
const told = "http://127.0.0.1:8200";

/** The code blocks of a document in this language. */
export const blocksOf = (document: string, language: string): readonly string[] =>
  [...readFileSync(join(checkout, document), "utf8").matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].flatMap(
    ([, of, block = ""]) => (of === language ? [block] : []),
  );

/** The lines of a shell block, without comments and with continued lines joined. */
export const commandsOf = (block: string): readonly string[] =>
  block
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/(?:^|\s{2,})#.*$/, "").trim())
    .filter((line) => line !== "");

/** A command line as a shell splits it: words, 'single' and "double" quotes. */
export const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain ?? "");

export type Answered = Readonly<{ status: number; type: string; text: string }>;

/** What curl(1) would send, sent to the server at `url`. @throws Error for an option that is not known here. */
export async function curl(line: string, url: string): Promise<Answered> {
  const [, ...args] = words(line.replaceAll(told, url));
  const headers = new Headers();
  let [address, method, body]: (string | undefined)[] = [];
  for (let word = args.shift(); word !== undefined; word = args.shift()) {
    if (["-s", "-N", "-sN"].includes(word)) continue;
    if (word === "-X") method = args.shift();
    else if (word === "-d") body = args.shift();
    else if (word === "-H") {
      const [name = "", ...value] = (args.shift() ?? "").split(": ");
      headers.set(name, value.join(": "));
    } else if (word.startsWith("http")) address = word;
    else throw new Error(`This curl knows no ${word}: ${line}`);
  }
  const request = { method: method ?? (body === undefined ? "GET" : "POST"), headers };
  const response = await fetch(address ?? "", body === undefined ? request : { ...request, body });
  return {
    status: response.status,
    type: response.headers.get("content-type") ?? "",
    text: await response.text(),
  };
}

export type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>;

/** Runs a JavaScript block as a module of a project that has this package, against the server at `url`. */
export async function runModule(
  block: string,
  { url, env = {} }: Readonly<{ url: string; env?: NodeJS.ProcessEnv }>,
): Promise<Ran> {
  const project = mkdtempSync(join(tmpdir(), "ac-example-"));
  try {
    const installed = join(project, "node_modules/agenticore");
    mkdirSync(installed, { recursive: true });
    const { exports: paths } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"));
    const source = String(paths["./client"].default).replace(/^\.\/dist\/(.*)\.js$/, "$1.ts");
    const manifest = { name: "agenticore", type: "module", exports: { "./client": "./client.js" } };
    writeFileSync(join(installed, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(installed, "client.js"), `export * from "${pathToFileURL(join(checkout, source))}";\n`);
    writeFileSync(join(project, "main.mjs"), block.replaceAll(told, url));
    const child = spawn(process.execPath, ["main.mjs"], {
      cwd: project,
      env: { PATH: process.env["PATH"], AGENTICORE_URL: url, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk));
    child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk));
    const code = await new Promise<number | null>((done) => child.once("close", done));
    return { code, ...said };
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}
