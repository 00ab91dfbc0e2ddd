/** A marker in a prompt: `[[scenario:slow beats=20 file="a b.txt"]]`, `[[usage:in=1000,out=500]]`, `[[hold:gate@1]]`. */
export type Marker = Readonly<{ name: string; args: Args }>;
export type Args = Readonly<Record<string, string>>;

/** The last marker of this kind in the text. */
export function findMarker(kind: "scenario" | "usage" | "hold", text: string): Marker | undefined {
  const bodies = [...text.matchAll(new RegExp(`\\[\\[${kind}:(.*?)\\]\\]`, "g"))].map(([, body]) => body ?? "");
  const body = bodies.at(-1);
  if (body === undefined) return undefined;
  const words = [...body.matchAll(/([\w.@-]+)(?:=(?:"([^"]*)"|([^\s,"]*)))?/g)];
  const args = words.flatMap(([, key = "", quoted, bare]) =>
    (quoted ?? bare) === undefined ? [] : [[key, quoted ?? bare ?? ""] as const],
  );
  const first = words[0];
  const name = first && (first[2] ?? first[3]) === undefined ? (first[1] ?? "") : "";
  return { name, args: Object.fromEntries(args) };
}

/** A whole number of an argument, or what holds without it. */
export const numberOf = (args: Args, key: string, otherwise: number): number => {
  const value = Number(args[key] ?? otherwise);
  return Number.isFinite(value) ? value : otherwise;
};
