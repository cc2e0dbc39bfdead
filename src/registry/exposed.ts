import type { RegistryConfig } from "./config.ts"

/**
 * What a registry's owner should know who lets more than this machine reach it.
 * @param address where it listens, `host:port`
 * @returns sentences for the log; none when only this machine reaches it, or users and TLS guard it
 */
export function exposures(config: Pick<RegistryConfig, "auth" | "tls">, address: string): readonly string[] {
  const host = address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return []
  const open = config.auth.type === "none" && config.tls?.clientCa === undefined
  return [
    ...(open
      ? [`everybody who reaches ${address} may push, pull and delete: name users (--htpasswd), or listen on 127.0.0.1`]
      : []),
    ...(config.tls
      ? []
      : [
          `${open ? "images" : "passwords and images"} cross the network unencrypted: give --tls-cert and --tls-key, or put a TLS proxy in front`,
        ]),
  ]
}
