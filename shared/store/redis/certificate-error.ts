import { AppError } from "../../error.ts";

/** Codes of OpenSSL and Node (nodejs.org/api/tls.html, X509 certificate error codes) for a certificate that is not trusted. */
const codes = /^(ERR_TLS_CERT_|CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER))/;

/** Undefined for any other error: only what no further try would change. */
export function certificateError(error: unknown, place: string): AppError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!("code" in error) || typeof error.code !== "string" || !codes.test(error.code))
    return certificateError(error.cause, place);
  return new AppError("store_unavailable", `The certificate of ${place} is not trusted: ${error.message}.`, {
    remedy: "Let REDIS_URL name the host as the certificate does; name a CA of your own in NODE_EXTRA_CA_CERTS.",
  });
}
