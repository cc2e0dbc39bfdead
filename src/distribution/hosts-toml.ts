import { dirname, resolve } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import { parseToml } from "../std/toml.ts"
import type { CertificateFiles } from "./certificates.ts"

export type Capability = "pull" | "resolve" | "push"

/** A host as `hosts.toml` describes it. */
export interface ConfiguredHost {
  /** With `/v2` at its end unless `override_path` says otherwise. */
  readonly url: URL
  readonly capabilities: ReadonlySet<Capability>
  readonly certificates: CertificateFiles
  readonly skipVerify: boolean
  readonly headers: Readonly<Record<string, string>>
}

export interface HostsFile {
  /** In the order they are tried. */
  readonly hosts: readonly ConfiguredHost[]
  /** The registry itself, when the file names it. */
  readonly server?: ConfiguredHost
}

const everything: readonly Capability[] = ["pull", "resolve", "push"]

type Fields = Readonly<Record<string, unknown>>

/**
 * Parses containerd's `hosts.toml`.
 * @param path names the file in messages; relative certificates lie beside it
 * @throws invalidArgument
 */
export function parseHostsFile(text: string, path: string): HostsFile {
  const refuse = (problem: string) => new Failure("invalidArgument", `invalid ${path}: ${problem}`)
  let document: Fields
  try {
    document = parseToml(text)
  } catch (error) {
    throw refuse(messageOf(error))
  }
  const fields = (value: unknown, what: string): Fields => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${what} is not a table`)
    return value as Fields
  }
  const texts = (value: unknown, what: string): readonly string[] => {
    const list = value === undefined ? [] : Array.isArray(value) ? value : [value]
    if (!list.every((item) => typeof item === "string")) throw refuse(`${what} is not text`)
    return list
  }
  const file = (name: string) => resolve(dirname(path), name)

  const host = (name: string, table: Fields): ConfiguredHost => {
    const capabilities = texts(table["capabilities"], "capabilities")
    const unknown = capabilities.find((one) => !(everything as readonly string[]).includes(one))
    if (unknown) throw refuse(`unknown capability ${unknown}`)
    const client = Array.isArray(table["client"]) ? table["client"] : table["client"] ? [table["client"]] : []
    const pairs = client.length === 2 && client.every((one) => typeof one === "string") ? [client] : client
    const headers = Object.entries(fields(table["header"] ?? {}, "header")).map(
      ([key, value]) => [key, texts(value, `header ${key}`).join(", ")] as const,
    )
    return {
      url: hostUrl(name, table["override_path"] === true, refuse),
      capabilities: new Set((capabilities.length > 0 ? capabilities : everything) as readonly Capability[]),
      certificates: {
        authorities: texts(table["ca"], "ca").map(file),
        clients: pairs.map((pair: unknown) => {
          const [certificate, key = certificate] = texts(pair, "client")
          if (!certificate) throw refuse("client names no file")
          return { certificate: file(certificate), key: file(key!) }
        }),
      },
      skipVerify: table["skip_verify"] === true,
      headers: Object.fromEntries(headers),
    }
  }
  const hosts = Object.entries(fields(document["host"] ?? {}, "host"))
  const { server } = document
  if (server !== undefined && typeof server !== "string") throw refuse("server is not text")
  return {
    hosts: hosts.map(([name, table]) => host(name, fields(table, `host."${name}"`))),
    ...(server ? { server: host(server, document) } : {}),
  }
}

function hostUrl(name: string, override: boolean, refuse: (problem: string) => Failure): URL {
  let url: URL
  try {
    url = new URL(/^https?:\/\//.test(name) ? name : `https://${name}`)
  } catch {
    throw refuse(`"${name}" is not an address`)
  }
  const path = url.pathname.replace(/\/+$/, "")
  url.pathname = override || path.endsWith("/v2") ? path : `${path}/v2`
  return url
}
