import { addressOf, inNetwork, parseNetwork } from "./networks.ts"

/** Which proxy is asked for what, as curl and Go's clients read it. */
export interface ProxySettings {
  readonly http?: string
  readonly https?: string
  /** Hosts, `.domains`, addresses and networks that are reached directly, separated by commas; `*` for all. */
  readonly no?: string
}

/** The settings of the environment, under those given. */
export function proxySettings(
  given: ProxySettings,
  environment: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  const read = (name: string) => environment[name.toUpperCase()] || environment[name] || undefined
  const http = given.http ?? read("http_proxy")
  const https = given.https ?? read("https_proxy")
  const no = given.no ?? read("no_proxy")
  return { ...(http ? { http } : {}), ...(https ? { https } : {}), ...(no ? { no } : {}) }
}

/** The proxy that `url` is reached through; undefined for a direct connection. The host itself never needs one. */
export function proxyFor(settings: ProxySettings, url: URL): URL | undefined {
  const proxy = url.protocol === "https:" ? settings.https : settings.http
  if (!proxy) return undefined
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase()
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return undefined
  const port = url.port || (url.protocol === "https:" ? "443" : "80")
  const direct = (settings.no ?? "")
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter(Boolean)
    .some((entry) => excludes(entry, host, port))
  return direct ? undefined : new URL(/^\w+:\/\//.test(proxy) ? proxy : `http://${proxy}`)
}

function excludes(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true
  const network = parseNetwork(entry)
  const address = addressOf(host)
  if (network) return address !== undefined && inNetwork(address, network)
  const [, name = entry, ownPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
  if (ownPort && ownPort !== port && !addressOf(entry)) return false
  const plain = addressOf(entry) ? entry : name
  if (plain.startsWith("*.")) return host.endsWith(plain.slice(1))
  if (plain.startsWith(".")) return host.endsWith(plain)
  return host === plain || (!address && host.endsWith(`.${plain}`))
}
