import { readFileSync } from "node:fs"
import { parseHost } from "../../client/host.ts"
import { messageOf } from "../../errors/failure.ts"
import type { Pairs } from "../flags/flag.ts"
import type { ContextStore, Endpoint, TlsFiles } from "./store.ts"

/** Keys of `--docker`, and what they mean. */
export const endpointKeys = {
  from: "Copy named context's Docker endpoint configuration",
  host: "Docker endpoint on which to connect",
  ca: "Trust certs signed only by this CA",
  cert: "Path to TLS certificate file",
  key: "Path to TLS key file",
  "skip-tls-verify": "Skip TLS certificate validation",
} as const

/** The endpoint that `--docker host=…,ca=…` describes. @throws Error in docker's words */
export function endpointOf(store: ContextStore, given: Pairs): { readonly endpoint: Endpoint; readonly tls: TlsFiles } {
  const wrong = (what: string) => new Error(`unable to create docker endpoint config: ${what}`)
  const unknown = Object.keys(given).filter((key) => !Object.hasOwn(endpointKeys, key))
  if (unknown.length > 0) throw wrong(unknown.map((key) => `unrecognized config key: ${key}`).join("\n"))
  try {
    if (given["from"] !== undefined) {
      const endpoint = store.get(given["from"]).Endpoints.docker
      if (!endpoint) throw new Error(`unable to get endpoint from context ${JSON.stringify(given["from"])}`)
      return { endpoint, tls: new Map() }
    }
    const tls = new Map(
      (["ca", "cert", "key"] as const).flatMap((name) =>
        given[name] ? [[`${name}.pem`, read(given[name])] as const] : [],
      ),
    )
    const SkipTLSVerify = skips(given["skip-tls-verify"])
    if (given["host"]) checkHost(given["host"], tls.size > 0)
    return { endpoint: { ...(given["host"] ? { Host: given["host"] } : {}), SkipTLSVerify }, tls }
  } catch (error) {
    throw wrong(messageOf(error))
  }
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === "EACCES"
    throw new Error(`open ${path}: ${denied ? "permission denied" : "no such file or directory"}`)
  }
}

function skips(text: string | undefined): boolean {
  if (text === undefined || /^(0|f|F|FALSE|false|False)$/.test(text)) return false
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true
  throw new Error(`skip-tls-verify: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function checkHost(host: string, tls: boolean): void {
  if (!host.includes("://"))
    throw new Error(`unable to apply docker endpoint options: unable to parse docker host \`${host}\``)
  parseHost(host, tls)
}
