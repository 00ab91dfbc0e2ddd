import { AppError } from "../error.ts";

/** Nothing answers at the address, or what answers is not Agenticore: exit code 3 of the CLI. */
export class NoServer extends AppError {
  readonly url: string;
  constructor(url: string, sentence: string, cause?: unknown) {
    super("store_unavailable", sentence, {
      cause,
      remedy: "Start one with `agenticore serve`, or set AGENTICORE_URL to where it runs.",
    });
    this.name = "NoServer";
    this.url = url;
  }
}

/** Something answers, and it is another program, or ours of a time that we know nothing of. */
export const notOurs = (url: string, cause?: unknown): NoServer =>
  new NoServer(url, `What answers at ${url} is not an Agenticore server that this program understands.`, cause);
