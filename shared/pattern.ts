import { type Assertion, type PatternNode, parsePattern } from "./pattern-syntax.ts";

/** Whether it is found in a text, in any case. */
export type Pattern = (text: string) => boolean;

type Step =
  | Readonly<{ kind: "character"; fits: (character: string) => boolean }>
  | Readonly<{ kind: "assert"; what: Assertion }>
  | Readonly<{ kind: "fork"; to: readonly [number, number] }>
  | Readonly<{ kind: "found" }>;

/** Steps of a pattern with its repetitions written out, and characters of a text that are looked at: their product is the time. */
const mostSteps = 500;
const searched = 16_384;

/**
 * A regular expression that takes time in proportion to the text, whatever it says and whatever the text is: it follows all
 * ways at once, where JavaScript's own tries one after the other, for hours if need be (`(a+)+$`). Of a longer text the
 * first 16,384 characters are searched.
 * @throws SyntaxError for what is no regular expression, for lookarounds, back references and modifiers, and for more than
 * 500 steps.
 * @see https://swtch.com/~rsc/regexp/regexp2.html
 */
export function compilePattern(source: string): Pattern {
  const steps: Step[] = [];
  emit(steps, parsePattern(source));
  add(steps, { kind: "found" });
  return (text) => search(steps, [...text.slice(0, searched + 1)]);
}

function add(steps: Step[], step: Step): void {
  if (steps.length >= mostSteps) throw new SyntaxError(`it has more than ${mostSteps} steps`);
  steps.push(step);
}

/** Behind the last step of a part the next part begins. */
function emit(steps: Step[], node: PatternNode): void {
  if (node.kind === "atom")
    add(steps, { kind: "character", fits: remembering(new RegExp(`^(?:${node.source})$`, "iu")) });
  else if (node.kind === "assert") add(steps, node);
  else if (node.kind === "sequence") for (const part of node.parts) emit(steps, part);
  else if (node.kind === "choice") emitChoice(steps, node.options);
  else emitRepeat(steps, node);
}

function emitChoice(steps: Step[], [first, ...others]: readonly PatternNode[]): void {
  if (first && others.length === 0) emit(steps, first);
  if (!first || others.length === 0) return;
  const fork = steps.length;
  add(steps, { kind: "found" });
  emit(steps, first);
  const leave = steps.length;
  add(steps, { kind: "found" });
  steps[fork] = { kind: "fork", to: [fork + 1, steps.length] };
  emitChoice(steps, others);
  steps[leave] = { kind: "fork", to: [steps.length, steps.length] };
}

function emitRepeat(steps: Step[], { of, least, most }: Extract<PatternNode, { kind: "repeat" }>): void {
  for (let n = 0; n < least; n += 1) emit(steps, of);
  if (most === Number.POSITIVE_INFINITY) {
    const fork = steps.length;
    add(steps, { kind: "found" });
    emit(steps, of);
    add(steps, { kind: "fork", to: [fork, fork] });
    steps[fork] = { kind: "fork", to: [fork + 1, steps.length] };
    return;
  }
  const forks: number[] = [];
  for (let n = least; n < most; n += 1) {
    forks.push(steps.length);
    add(steps, { kind: "found" });
    emit(steps, of);
  }
  for (const fork of forks) steps[fork] = { kind: "fork", to: [fork + 1, steps.length] };
}

/** Texts have few different characters. */
function remembering(shape: RegExp): (character: string) => boolean {
  const known = new Map<string, boolean>();
  return (character) => {
    const before = known.get(character);
    if (before !== undefined) return before;
    const fits = shape.test(character);
    known.set(character, fits);
    return fits;
  };
}

/** At each character, all steps that could be next. Behind those that are searched one more shows that there is no end. */
function search(steps: readonly Step[], text: readonly string[]): boolean {
  /** Where each step was last reached. */
  const reached = new Int32Array(steps.length).fill(-1);
  const open: number[] = [];
  let next: number[] = [];
  for (let at = 0; ; at += 1) {
    const character = at < searched ? text[at] : undefined;
    open.push(0, ...next);
    next = [];
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      if (reached[step] === at) continue;
      reached[step] = at;
      const one = steps[step];
      if (one?.kind === "found") return true;
      if (one?.kind === "fork") open.push(...one.to);
      else if (one?.kind === "assert") {
        if (holds(one.what, text, at)) open.push(step + 1);
      } else if (character !== undefined && one?.fits(character)) next.push(step + 1);
    }
    if (character === undefined) return false;
  }
}

function holds(what: Assertion, text: readonly string[], at: number): boolean {
  if (what === "^") return at === 0;
  if (what === "$") return at === text.length;
  const isBorder = isWord(text[at - 1]) !== isWord(text[at]);
  return what === "\\b" ? isBorder : !isBorder;
}

const isWord = (character: string | undefined): boolean => character !== undefined && /\w/iu.test(character);
