import { isIP } from "node:net"

/**
 * The texts of a container's /etc/resolv.conf, /etc/hosts and /etc/hostname, in the form that Docker gives them.
 */

const isLoopback = (address: string): boolean => /^127\./.test(address) || address === "::1"

/** The addresses of `nameserver` lines (resolv.conf(5)), in order; an interface after `%` is kept. */
export const nameserversOf = (text: string): readonly string[] =>
  [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)]
    .map((match) => match[1]!)
    .filter((address) => isIP(address.replace(/%.*$/, "")) !== 0)

/** The name servers that can be reached from inside a container: those not on the host's loopback. */
export const reachableNameservers = (text: string): readonly string[] =>
  nameserversOf(text).filter((address) => !isLoopback(address) && !address.includes("%"))

/** The words after the last line of `keyword`. */
function wordsOf(text: string, keyword: string): readonly string[] {
  const lines = [...text.matchAll(new RegExp(`^[ \\t]*${keyword}[ \\t]+(.*)$`, "gm"))]
  return lines.at(-1)?.[1]?.trim().split(/\s+/) ?? []
}

export interface ResolverOptions {
  /** `--dns`, `--dns-search`, `--dns-opt`: each, when not empty, replaces what the host says. A search of `.` means none. */
  readonly dns?: readonly string[]
  readonly search?: readonly string[]
  readonly options?: readonly string[]
  /** `nameservers` is the daemon's own: it passes questions on to `dns`, and knows names of a single word. */
  readonly embedded?: boolean
}

/**
 * resolv.conf for a container.
 * @param host the host's resolv.conf, for its search list and options
 * @param nameservers those to use when none are asked for: see Networking.nameservers
 */
export function resolvConf(host: string, nameservers: readonly string[], asked: ResolverOptions = {}): string {
  const servers = asked.embedded ? nameservers : asked.dns?.length ? asked.dns : nameservers
  const hostSearch = wordsOf(host, "search").length ? wordsOf(host, "search") : wordsOf(host, "domain")
  const search = (asked.search?.length ? asked.search : hostSearch).filter((domain) => domain !== ".")
  const given = asked.options?.length ? asked.options : wordsOf(host, "options")
  const counts = asked.embedded && !given.some((option) => option.startsWith("ndots:"))
  const options = counts ? [...given, "ndots:0"] : given
  const lines = [
    ...servers.map((address) => `nameserver ${address}`),
    ...(search.length ? [`search ${search.join(" ")}`] : []),
    ...(options.length ? [`options ${options.join(" ")}`] : []),
  ]
  return `${lines.join("\n")}\n`
}

const standardHosts = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
]

export interface HostsOptions {
  readonly hostname: string
  readonly domainname?: string
  /** The container's own addresses; none with `--network none`. */
  readonly addresses: readonly string[]
  /** `--add-host NAME:ADDRESS`, as given; the address may be `host-gateway`. */
  readonly extra?: readonly string[]
  /** Further lines: an address and the names it has. */
  readonly links?: readonly { readonly address: string; readonly names: string }[]
  /** What the file begins with instead of the usual lines: the host's own file, for a container in the host's network. */
  readonly base?: string
  /** What `host-gateway` stands for: a line for each. */
  readonly gateways?: readonly string[]
  /** False when the container has no IPv6 at all. */
  readonly ipv6?: boolean
}

/** /etc/hosts for a container. */
export function hostsFile(options: HostsOptions): string {
  const { hostname, domainname, gateways = [], ipv6 = true } = options
  const names = ownNames(hostname, domainname)
  const extra = (options.extra ?? []).flatMap((entry) => {
    const match = /^([^:=]+)[:=](.*)$/.exec(entry)
    const address = (match?.[2] ?? "").replace(/^\[(.*)\]$/, "$1")
    return (address === "host-gateway" ? gateways : [address]).map((each) => `${each}\t${match?.[1] ?? entry}`)
  })
  const own = options.addresses.map((address) => `${address}\t${names}`)
  const links = (options.links ?? []).map((link) => `${link.address}\t${link.names}`)
  if (options.base) return [options.base, ...[...extra, ...links].map((line) => `${line}\n`)].join("")
  const standard = standardHosts.filter((line) => ipv6 || !line.includes("::"))
  return `${[...standard, ...extra, ...links, ...own].join("\n")}\n`
}

/** A hosts file in which `names` have `address`: their line changed, or added at the end. */
export function withHost(text: string, names: string, address: string): string {
  const lines = text.split("\n")
  const at = lines.findIndex((line) => line.endsWith(`\t${names}`))
  if (at < 0) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${address}\t${names}\n`
  return lines.with(at, `${address}\t${names}`).join("\n")
}

/** A hosts file in which the container's own `names` have `addresses`, and no others. */
export function withOwnAddresses(text: string, names: string, addresses: readonly string[]): string {
  const lines = text.split("\n").filter((line) => line !== "" && !line.endsWith(`\t${names}`))
  return `${[...lines, ...addresses.map((address) => `${address}\t${names}`)].join("\n")}\n`
}

/** What a container calls itself in its hosts file: the whole name, and its first label where it has several. */
export function ownNames(hostname: string, domainname: string | undefined): string {
  const whole = domainname ? `${hostname}.${domainname}` : hostname
  const dot = whole.indexOf(".")
  return dot > 0 ? `${whole} ${whole.slice(0, dot)}` : whole
}

/** /etc/hostname for a container. */
export const hostnameFile = (hostname: string): string => `${hostname}\n`
