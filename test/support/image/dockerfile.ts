/** One instruction of a Dockerfile: `words` where its form is a list of strings, else its text. */
type Instruction = Readonly<{ name: string; text: string; line: number }>;
export type Stage = Readonly<{ base: string; name: string; steps: readonly Step[] }>;
export type Step =
  | Readonly<{ do: "run"; command: string }>
  | Readonly<{ do: "copy"; from: string | undefined; sources: readonly string[]; to: string }>
  | Readonly<{ do: "env"; variables: Readonly<Record<string, string>> }>
  | Readonly<{ do: "workdir"; path: string }>
  | Readonly<{ do: "user"; user: string }>
  | Readonly<{ do: "volume"; paths: readonly string[] }>
  | Readonly<{ do: "entrypoint" | "cmd"; words: readonly string[] }>
  | Readonly<{ do: "healthcheck"; words: readonly string[]; options: string }>
  | Readonly<{ do: "stopsignal"; signal: string }>
  | Readonly<{ do: "label"; labels: Readonly<Record<string, string>> }>;

/**
 * The stages of a Dockerfile (docs.docker.com/reference/dockerfile). Only the forms that ours uses.
 * @throws Error with the line of anything else: a step that is not understood must not be passed over.
 */
export function parseDockerfile(text: string): readonly Stage[] {
  const stages: { base: string; name: string; steps: Step[] }[] = [];
  for (const instruction of instructionsIn(text)) {
    if (instruction.name === "FROM") {
      const [, base = "", name = String(stages.length)] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.text) ?? [];
      if (base === "") throw notUnderstood(instruction);
      stages.push({ base, name, steps: [] });
    } else stages.at(-1)?.steps.push(stepOf(instruction));
  }
  if (stages.length === 0) throw new Error("the Dockerfile has no FROM");
  return stages;
}

function* instructionsIn(text: string): Generator<Instruction> {
  let open = "";
  for (const [index, raw] of text.split("\n").entries()) {
    if (/^\s*#/.test(raw) || (raw.trim() === "" && open === "")) continue;
    open += raw.replace(/\\$/, "");
    if (raw.endsWith("\\")) continue;
    const [, name = "", rest = ""] = /^\s*([A-Za-z]+)\s+([\s\S]*)$/.exec(open) ?? [];
    yield { name: name.toUpperCase(), text: rest.trim(), line: index + 1 };
    open = "";
  }
}

const notUnderstood = ({ name, text, line }: Instruction) =>
  new Error(`line ${line} of the Dockerfile is not understood: ${name} ${text}`);

function stepOf(instruction: Instruction): Step {
  const { name, text } = instruction;
  switch (name) {
    case "RUN":
      if (/^(?:\[|--|<<)/.test(text)) throw notUnderstood(instruction);
      return { do: "run", command: text };
    case "COPY":
      return copyOf(instruction);
    case "ENV":
      return { do: "env", variables: pairsIn(instruction) };
    case "LABEL":
      return { do: "label", labels: pairsIn(instruction) };
    case "WORKDIR":
      return { do: "workdir", path: text };
    case "USER":
      return { do: "user", user: text };
    case "VOLUME":
      return { do: "volume", paths: listIn(instruction, text) };
    case "ENTRYPOINT":
      return { do: "entrypoint", words: listIn(instruction, text) };
    case "CMD":
      return { do: "cmd", words: listIn(instruction, text) };
    case "STOPSIGNAL":
      return { do: "stopsignal", signal: text };
    case "HEALTHCHECK": {
      const [, options = "", words = ""] = /^((?:--\S+\s+)*)CMD\s+(\[.*\])$/.exec(text) ?? [];
      return { do: "healthcheck", words: listIn(instruction, words), options: options.trim() };
    }
    default:
      throw notUnderstood(instruction);
  }
}

function copyOf(instruction: Instruction): Step {
  const words = instruction.text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith("--"));
  const paths = words.filter((word) => !word.startsWith("--"));
  const from = flags.find((flag) => flag.startsWith("--from="))?.slice(7);
  const to = paths.at(-1);
  if (to === undefined || paths.length < 2 || flags.length > (from === undefined ? 0 : 1))
    throw notUnderstood(instruction);
  return { do: "copy", from, sources: paths.slice(0, -1), to };
}

function pairsIn(instruction: Instruction): Readonly<Record<string, string>> {
  const pairs = [...instruction.text.matchAll(/([A-Za-z_][\w.-]*)=(?:"([^"$\\]*)"|([^\s"$\\]*))(?:\s+|$)/g)];
  if (pairs.map(([all]) => all).join("") !== instruction.text) throw notUnderstood(instruction);
  return Object.fromEntries(pairs.map(([, key = "", quoted, plain]) => [key, quoted ?? plain ?? ""]));
}

function listIn(instruction: Instruction, text: string): readonly string[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list) && list.every((word): word is string => typeof word === "string")) return list;
  } catch {
    // Said below.
  }
  throw notUnderstood(instruction);
}
