import { lookup } from "node:dns/promises"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { addressOf, inNetwork, type Network, parseNetwork } from "../std/http/networks.ts"
import { type CertificateFiles, noCertificates, readCertificateDirectory, type TlsContexts } from "./certificates.ts"
import { type Capability, type ConfiguredHost, type HostsFile, parseHostsFile } from "./hosts-toml.ts"
import type { TlsSettings } from "./http-client.ts"

/** What of registries the daemon is told. */
export interface RegistrySettings {
  /** `host[:port]` or networks that may be talked to in plain HTTP, or in TLS with any certificate. */
  readonly insecure: readonly string[]
  /** Mirrors of Docker Hub; every registry's are in `hosts.toml`. */
  readonly mirrors: readonly string[]
  /** Where the directories named by registries lie, with certificates or a `hosts.toml`. */
  readonly directories: readonly string[]
}

/** One place where a registry is reached. */
export interface Endpoint {
  /** Ends with the API's root, `/v2` as a rule. */
  readonly url: URL
  readonly capabilities: ReadonlySet<Capability>
  /** Stands in for the registry: what it does not have or do is asked of the next. */
  readonly mirror: boolean
  readonly tls?: TlsSettings
  readonly headers: Readonly<Record<string, string>>
  /** The registry that a mirror of many is asked for. */
  readonly namespace?: string
}

const all: ReadonlySet<Capability> = new Set(["pull", "resolve", "push"])
const reading: ReadonlySet<Capability> = new Set(["pull", "resolve"])
const alwaysInsecure = ["127.0.0.0/8", "::1/128"]

/** The host that serves `domain`: Docker Hub's name is not its address. */
export const registryHost = (domain: string): string => (domain === "docker.io" ? "registry-1.docker.io" : domain)

/**
 * Where `domain` is reached, in the order to try: mirrors, then the registry, an insecure one first in TLS and then
 * without. Directories are read anew, so that changes count at once.
 * @throws invalidArgument for settings that cannot be used, and for a domain that names no host
 */
export async function endpointsOf(
  settings: RegistrySettings,
  contexts: TlsContexts,
  domain: string,
): Promise<readonly Endpoint[]> {
  const endpoint = endpointMaker(contexts)
  const host = registryHost(domain)
  if (!/^(?:\w[\w.-]*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/.test(domain) || !URL.canParse(`https://${host}/v2`)) {
    throw new Failure("invalidArgument", `${JSON.stringify(domain)} is not the name of a registry: use HOST[:PORT]`)
  }
  const insecure = await isInsecure(settings.insecure, domain)
  const directory = directoryOf(settings.directories, domain) ?? directoryOf(settings.directories, host)
  const file = directory ? hostsFile(directory) : undefined
  const certificates = directory && !file ? readCertificateDirectory(directory) : noCertificates
  const found: Endpoint[] = []
  if (domain === "docker.io") for (const mirror of settings.mirrors) found.push(mirrorOf(settings, mirror, endpoint))
  for (const each of file?.hosts ?? [])
    found.push(configured(each, each.url.host === host ? undefined : domain, endpoint))
  if (file?.server) return [...found, configured(file.server, undefined, endpoint)]
  const url = (scheme: string) => new URL(`${scheme}://${host}/v2`)
  found.push(endpoint(url("https"), certificates, { verify: !insecure, mirror: false, capabilities: all }))
  if (insecure) found.push({ url: url("http"), capabilities: all, mirror: false, headers: {} })
  return found
}

/** @throws invalidArgument in dockerd's words */
export function checkSettings(settings: RegistrySettings): void {
  for (const mirror of settings.mirrors) mirrorUrl(mirror)
  for (const each of settings.insecure) {
    const name = each.replace(/^https?:\/\//i, "")
    if (name.startsWith("-") || name.endsWith("-")) {
      throw new Failure("invalidArgument", `invalid index name (${name}). Cannot begin or end with a hyphen`)
    }
    if (name.includes("://")) {
      throw new Failure("invalidArgument", `insecure registry ${name} should not contain '://'`)
    }
    if (!parseNetwork(name) && !/^(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(name)) {
      throw new Failure(
        "invalidArgument",
        `insecure registry ${name} is not valid: invalid host "${name}": use HOST[:PORT] or a network such as 10.0.0.0/8`,
      )
    }
  }
}

/** Whether `domain` may be talked to without trust: named, or with an address in a named network. */
export async function isInsecure(insecure: readonly string[], domain: string): Promise<boolean> {
  const names = insecure.map((each) => each.replace(/^https?:\/\//i, ""))
  if (domain === "docker.io") return false
  if (names.includes(domain)) return true
  const networks = [...alwaysInsecure, ...names].flatMap((name): Network[] => {
    const network = parseNetwork(name)
    return network ? [network] : []
  })
  const host = domain.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")
  const literal = addressOf(host)
  const addresses = literal
    ? [literal]
    : (await lookup(host, { all: true }).catch(() => [])).flatMap(({ address }) => addressOf(address) ?? [])
  return addresses.some((address) => networks.some((network) => inNetwork(address, network)))
}

function mirrorUrl(mirror: string): URL {
  let url: URL
  try {
    url = new URL(mirror)
  } catch {
    throw new Failure("invalidArgument", `invalid mirror: "${mirror}" is not a valid URI`)
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const scheme = url.protocol.slice(0, -1)
    throw new Failure("invalidArgument", `invalid mirror: unsupported scheme "${scheme}" in "${mirror}"`)
  }
  if (url.search || url.hash) {
    throw new Failure("invalidArgument", `invalid mirror: query or fragment at end of the URI "${mirror}"`)
  }
  if (url.username || url.password) {
    throw new Failure("invalidArgument", `invalid mirror: username/password not allowed in URI "${mirror}"`)
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v2`
  return url
}

function mirrorOf(settings: RegistrySettings, mirror: string, endpoint: EndpointMaker): Endpoint {
  const url = mirrorUrl(mirror)
  const directory = directoryOf(settings.directories, url.host)
  const certificates = directory ? readCertificateDirectory(directory) : noCertificates
  const verify = !settings.insecure.some((each) => each.replace(/^https?:\/\//i, "") === url.host)
  return endpoint(url, certificates, { verify, mirror: true, capabilities: reading })
}

/** @param mirrored the registry that the host stands in for; absent for the registry itself */
function configured(host: ConfiguredHost, mirrored: string | undefined, endpoint: EndpointMaker): Endpoint {
  const { capabilities, certificates, headers } = host
  const mirror = mirrored !== undefined
  const made = endpoint(host.url, certificates, { verify: !host.skipVerify, mirror, capabilities })
  return { ...made, headers, ...(mirror ? { namespace: mirrored } : {}) }
}

type EndpointMaker = ReturnType<typeof endpointMaker>

const endpointMaker =
  (contexts: TlsContexts) =>
  (
    url: URL,
    certificates: CertificateFiles,
    rest: { readonly verify: boolean; readonly mirror: boolean; readonly capabilities: ReadonlySet<Capability> },
  ): Endpoint => {
    const { verify, mirror, capabilities } = rest
    const tls = url.protocol === "https:" ? contexts.of(certificates, verify) : undefined
    return { url, capabilities, mirror, headers: {}, ...(tls ? { tls } : {}) }
  }

/** The directory of a registry: by its name, by containerd's `host_port_`, or the one for all. */
function directoryOf(roots: readonly string[], host: string): string | undefined {
  const port = /:(\d+)$/.exec(host)?.[1]
  const names = [host, ...(port ? [`${host.slice(0, -port.length - 1)}_${port}_`] : [])]
  for (const name of names) {
    for (const root of roots) if (existsSync(join(root, name))) return join(root, name)
  }
  const fallback = roots.find((root) => existsSync(join(root, "_default", "hosts.toml")))
  return fallback && join(fallback, "_default")
}

function hostsFile(directory: string): HostsFile | undefined {
  const path = join(directory, "hosts.toml")
  return existsSync(path) ? parseHostsFile(readFileSync(path, "utf8"), path) : undefined
}
