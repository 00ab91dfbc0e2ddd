import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "../../shared/config-keys.ts";
import { AppError } from "../../shared/error.ts";

/**
 * The GitHub App's private key as PEM: from a variable (PEM, its line feeds perhaps written as `\n`, or the whole in
 * base64) or from a file.
 * @throws AppError `auth_failed` that says which key is wrong, never what is in it.
 */
export async function readAppKey({ githubAppPrivateKey, githubAppPrivateKeyPath }: Config): Promise<string> {
  if (githubAppPrivateKey) return checked(githubAppPrivateKey.reveal(), "GITHUB_APP_PRIVATE_KEY");
  if (githubAppPrivateKeyPath === undefined)
    throw new AppError("auth_failed", "GITHUB_APP_ID is set, but there is no private key.", {
      remedy: "Set GITHUB_APP_PRIVATE_KEY or GITHUB_APP_PRIVATE_KEY_PATH.",
    });
  const text = await readFile(githubAppPrivateKeyPath, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new AppError("auth_failed", `${githubAppPrivateKeyPath} cannot be read (${error.code}).`, {
      remedy: "Mend GITHUB_APP_PRIVATE_KEY_PATH: it names the key file of the GitHub App.",
    });
  });
  return checked(text, githubAppPrivateKeyPath);
}

function checked(text: string, where: string): string {
  const plain = text.includes("-----BEGIN") ? text : Buffer.from(text, "base64").toString("utf8");
  const pem = plain.replaceAll("\\n", "\n").trim();
  try {
    if (createPrivateKey(pem).asymmetricKeyType === "rsa") return pem;
  } catch {
    // Said below; the reason of the library may quote the key.
  }
  throw new AppError("auth_failed", `${where} is no private key of a GitHub App.`, {
    remedy: "Give the PEM file that GitHub made for the App (Settings, General, Private keys), or the same in base64.",
  });
}
