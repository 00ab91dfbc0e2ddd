import { createVerify } from "node:crypto";
import { HTTPException } from "hono/http-exception";
import type { Actor, State } from "./state.ts";

/** The App that signed this JWT (RFC 7519, RS256), by GitHub's rules for its times. */
export function appOf(state: State, jwt: string): Actor | HTTPException | undefined {
  const [head = "", claims = "", signature = ""] = jwt.split(".");
  const { iss, iat, exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
  const app = state.apps.find(({ id }) => String(id) === String(iss));
  const isSigned =
    app && createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(app.key, signature, "base64url");
  if (!isSigned) return undefined;
  const now = Math.floor(state.now() / 1000);
  if (Number(iat) > now)
    return untimely("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
  if (Number(exp) > now + 600) return untimely("'Expiration time' claim ('exp') is too far in the future");
  if (Number(exp) <= now)
    return untimely(
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  return { kind: "app", app };
}

const untimely = (message: string): HTTPException =>
  new HTTPException(401, {
    res: Response.json({ message, documentation_url: "https://docs.github.com/rest" }, { status: 401 }),
  });
