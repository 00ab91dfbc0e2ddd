import { existsSync, readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { getCACertificates } from "node:tls";

type Variables = Readonly<Record<string, string | undefined>>;

/** Connections to the model's service as Claude itself would make them: the box's proxy, authorities, client certificate. */
export type UpstreamAgents = Readonly<{ of: (upstream: URL) => HttpAgent }> & Disposable;

export function upstreamAgents(variables: Variables): UpstreamAgents {
  const common = { keepAlive: true, proxyEnv: proxies(variables) };
  const made = new Map<string, HttpAgent>();
  const make = (protocol: string) =>
    protocol === "http:"
      ? new HttpAgent(common)
      : new HttpsAgent({ ...common, ca: authorities(), ...clientCertificate(variables) });
  return {
    of: ({ protocol }) => {
      const agent = made.get(protocol) ?? make(protocol);
      made.set(protocol, agent);
      return agent;
    },
    [Symbol.dispose]: () => {
      for (const agent of made.values()) agent.destroy();
    },
  };
}

const proxies = (variables: Variables): Record<string, string> =>
  Object.fromEntries(
    ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"].flatMap((name) =>
      variables[name] ? [[name, variables[name]]] : [],
    ),
  );

/** Node's own, those of NODE_EXTRA_CA_CERTS, and the system's, as Claude trusts them. */
const authorities = (): string[] => [...getCACertificates("default"), ...getCACertificates("system")];

function clientCertificate(variables: Variables): Readonly<Record<string, string>> {
  const file = (name: string) => {
    const path = variables[name];
    return path && existsSync(path) ? readFileSync(path, "utf8") : undefined;
  };
  const [cert, key] = [file("CLAUDE_CODE_CLIENT_CERT"), file("CLAUDE_CODE_CLIENT_KEY")];
  const passphrase = variables["CLAUDE_CODE_CLIENT_KEY_PASSPHRASE"];
  return cert && key ? { cert, key, ...(passphrase ? { passphrase } : {}) } : {};
}
