import { AppError } from "../../shared/error.ts";
import type { JobStore } from "../../shared/store.ts";

/** `away`: no request arrives. `deaf`: requests arrive and are done, and no answer comes back. */
export type Link = "up" | "away" | "deaf";
export type Unsteady = Readonly<{
  store: JobStore;
  link: { is: Link };
  /** The operations that were tried, in their order, whether or not they arrived. */
  tried: (keyof JobStore)[];
}>;

const silent = ["changed", Symbol.asyncDispose];

/** The store behind a line that the test cuts. */
export function unsteady(store: JobStore): Unsteady {
  const link: { is: Link } = { is: "up" };
  const tried: (keyof JobStore)[] = [];
  const lost = () => new AppError("store_unavailable", "The store cannot be reached.");
  const over =
    <T>(name: string, ask: (...given: never[]) => Promise<T>) =>
    async (...given: never[]): Promise<T> => {
      tried.push(name as keyof JobStore);
      if (link.is === "away") throw lost();
      const answer = await ask(...given);
      // The line may have been cut meanwhile: then the answer is lost.
      if (link.is !== "up") throw lost();
      return answer;
    };
  const methods = Object.entries(store).map(([name, ask]) => [name, silent.includes(name) ? ask : over(name, ask)]);
  return { store: { ...store, ...(Object.fromEntries(methods) as Partial<JobStore>) }, link, tried };
}
