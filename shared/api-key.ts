import { z } from "zod";

/** What the bearer of a key or token may do; each door asks for one of them. */
export const Scope = z.enum(["submit", "read", "cancel", "admin", "runner"]);
export type Scope = z.infer<typeof Scope>;

/** What submissions are narrowed to; a list that is absent narrows nothing. */
export type Reach = Readonly<{
  /** Globs, spelled as in AGENTICORE_ALLOWED_REPOS. */
  repos?: readonly string[];
  pools?: readonly string[];
  profiles?: readonly string[];
}>;

/** An API key as the store keeps it: nobody gets in with what is in it. Times are RFC 3339. */
export type ApiKeyRecord = Reach &
  Readonly<{
    /** The part of the key that is no secret. */
    id: string;
    /** SHA-256 of the whole key, as lower-case hex. */
    digest: string;
    /** For people. */
    name: string;
    /** Whose jobs it submits and sees. */
    tenant: string;
    scopes: readonly Scope[];
    created_at: string;
    expires_at?: string;
    /** To the minute. */
    last_used_at?: string;
    /** Requests a minute, instead of the installation's; 0: as many as it likes. */
    rate?: number;
    revoked_at?: string;
  }>;

const secretBytes = 32;
const idBytes = 6;
const form = /^ak_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/**
 * A new key: `ak_`, 12 hex digits that name it, and 256 random bits in base64url (RFC 4648, 5).
 * `random` gives so many bytes, fit for secrets.
 */
export function newApiKey(random: (count: number) => Uint8Array): Readonly<{ id: string; key: string }> {
  const id = [...random(idBytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const secret = btoa(String.fromCharCode(...random(secretBytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
  return { id, key: `ak_${id}_${secret}` };
}

/** The id in a key of that form; undefined for anything else. */
export const apiKeyId = (key: string): string | undefined => form.exec(key)?.[1];
