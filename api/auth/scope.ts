import type { Scope } from "../../shared/api-key.ts";
import { AppError } from "../../shared/error.ts";
import type { Caller } from "../asked.ts";

/** The caller is known, and may not do this. */
export class MissingScope extends AppError {
  readonly scope: Scope;
  constructor(scope: Scope) {
    super("forbidden", `This needs the scope \`${scope}\`, which your key or token does not have.`, {
      remedy: `Use a key with the scope: \`agenticore keys create NAME --scope ${scope}\`, or ask for a token with it.`,
    });
    this.scope = scope;
  }
}

/** Asked by each verb, so that it holds at every door. @throws MissingScope. */
export function requireScope({ scopes }: Pick<Caller, "scopes">, scope: Scope): void {
  if (!scopes.includes(scope)) throw new MissingScope(scope);
}
