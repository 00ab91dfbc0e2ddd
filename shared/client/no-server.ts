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
