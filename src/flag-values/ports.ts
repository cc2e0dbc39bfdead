import type { PortBinding } from "../api/container-config.ts"
import { Failure } from "../errors/failure.ts"
import { isIP } from "../std/ip-address.ts"
import { parseDecimal, reasonOf } from "../std/strconv.ts"
import { cut } from "./words.ts"

export interface Ports {
  readonly exposed: Readonly<Record<string, object>>
  readonly bindings: Readonly<Record<string, readonly PortBinding[]>>
}

/** Parses every `--publish` and `--expose`. @throws invalidArgument in Docker's words */
export function parsePorts(publish: readonly string[], expose: readonly string[]): Ports {
  const exposed: Record<string, object> = {}
  const bindings: Record<string, PortBinding[]> = {}
  for (const word of publish) {
    for (const { port, binding } of publishedPorts(shortForm(word))) {
      exposed[port] = {}
      bindings[port] ??= []
      bindings[port].push(binding)
    }
  }
  for (const word of expose) for (const port of exposedPorts(word)) exposed[port] = {}
  return { exposed, bindings }
}

/** `published:target/protocol` of `target=80,published=8080`. */
function shortForm(word: string): string {
  if (!word.includes("=")) return word
  const given: Record<string, string> = { protocol: "tcp" }
  for (const part of word.split(",")) {
    const [key, value] = cut(part, "=")
    if (value === undefined || key === "")
      throw new Failure("invalidArgument", `invalid publish opts format (should be name=value but got '${part}')`)
    given[key] = value
  }
  return `${given["published"] ?? ""}:${given["target"] ?? ""}/${given["protocol"]}`
}

function* publishedPorts(word: string): Generator<{ readonly port: string; readonly binding: PortBinding }> {
  const parts = word.split(":")
  const [protocol, container] = splitProtocol(parts.at(-1)!)
  const host = parts.at(-2) ?? ""
  const ip = parts
    .slice(0, -2)
    .join(":")
    .replace(/^\[(.*)\]$/, "$1")
  if (ip !== "" && (isIP(ip) === 0 || ip.includes("%")))
    throw new Failure("invalidArgument", `invalid IP address: ${ip}`)
  if (container === "") throw new Failure("invalidArgument", `no port specified: ${word}<empty>`)
  const inside = rangeOr(container, `invalid containerPort: ${container}`)
  const outside = host === "" ? undefined : rangeOr(host, `invalid hostPort: ${host}`)
  const width = inside[1] - inside[0]
  if (outside && outside[1] - outside[0] !== width && width !== 0)
    throw new Failure(
      "invalidArgument",
      `invalid ranges specified for container and host Ports: ${container} and ${host}`,
    )
  const name = protocol.toLowerCase()
  if (!["tcp", "udp", "sctp"].includes(name)) throw new Failure("invalidArgument", `invalid proto: ${protocol}`)
  for (let index = 0; index <= width; index++) {
    const chosen = width === 0 && outside && outside[0] !== outside[1] ? `${outside[0]}-${outside[1]}` : undefined
    const HostPort = chosen ?? (outside ? String(outside[0] + index) : "")
    yield { port: `${inside[0] + index}/${name}`, binding: { HostIp: ip, HostPort } }
  }
}

function* exposedPorts(word: string): Generator<string> {
  const fail = (what: string) => new Failure("invalidArgument", `invalid range format for --expose: ${what}`)
  if (word === "") throw fail("invalid port range: value is empty")
  const [range, protocol] = cut(word, "/")
  const [from, to] = cut(range, "-")
  const number = (text: string, which: "start" | "end") => {
    try {
      return Number(parseDecimal(text, 16, false))
    } catch (error) {
      throw fail(`invalid ${which} port '${text}': ${reasonOf(error)}`)
    }
  }
  const first = number(from, "start")
  const last = to === undefined ? first : number(to, "end")
  if (last < first) throw fail(`invalid port range: ${word}`)
  for (let port = first; port <= last; port++) yield `${port}/${protocol?.toLowerCase() || "tcp"}`
}

/** Protocol and port of `80/udp`; tcp when none is named. */
function splitProtocol(word: string): readonly [protocol: string, port: string] {
  const [port = "", protocol] = word.split("/")
  return port === "" ? ["", ""] : [protocol || "tcp", port]
}

function parseRange(text: string): readonly [first: number, last: number] {
  if (text === "") throw new Failure("invalidArgument", "empty string specified for ports")
  const [from, to] = cut(text, "-")
  const first = Number(parseDecimal(from, 16, false))
  const last = to === undefined ? first : Number(parseDecimal(to, 16, false))
  if (last < first) throw new Failure("invalidArgument", `invalid range specified for port: ${text}`)
  return [first, last]
}

function rangeOr(text: string, message: string): readonly [number, number] {
  try {
    return parseRange(text)
  } catch {
    throw new Failure("invalidArgument", message)
  }
}
