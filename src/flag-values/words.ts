import { Failure } from "../errors/failure.ts"
import { isIP } from "../std/ip-address.ts"

/** One environment variable, `NAME` or `NAME=value`. @throws invalidArgument in Docker's words */
export function environmentWord(value: string): string {
  if (value === "" || value.startsWith("="))
    throw new Failure("invalidArgument", `invalid environment variable: ${value}`)
  return value
}

/** One label, `key` or `key=value`. @throws invalidArgument in Docker's words */
export function labelWord(value: string): string {
  if (value === "" || value.startsWith("="))
    throw new Failure("invalidArgument", `invalid label '${value}': empty name`)
  return value
}

/** One IP address. @throws invalidArgument in Docker's words */
export function ipWord(value: string): string {
  const address = value.trim()
  if (isIP(address) === 0) throw new Failure("invalidArgument", `IP address is not correctly formatted: ${value}`)
  return address
}

/** One search domain; "." is none. @throws invalidArgument in Docker's words */
export function searchDomainWord(value: string): string {
  const domain = value.trim()
  if (domain === ".") return domain
  const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
  if (!/[a-zA-Z]/.test(domain) || !new RegExp(`^${label}(?:\\.${label})*\\.?$`).test(domain))
    throw new Failure("invalidArgument", `${domain} is not a valid domain`)
  return domain
}

/** `host:ip`, from `host:ip` or `host=ip`; the address may be `host-gateway` or in brackets. @throws invalidArgument in Docker's words */
export function extraHostWord(value: string): string {
  const separator = value.includes("=") ? "=" : ":"
  const cut = value.indexOf(separator)
  const name = value.slice(0, Math.max(cut, 0))
  if (cut <= 0 || name.includes(":"))
    throw new Failure("invalidArgument", `bad format for add-host: ${JSON.stringify(value)}`)
  const given = value.slice(cut + 1)
  const address = /^\[.+\]$/.test(given) ? given.slice(1, -1) : given
  if (address !== "host-gateway" && isIP(address) === 0)
    throw new Failure("invalidArgument", `invalid IP address in add-host: ${JSON.stringify(address)}`)
  return `${name}:${address}`
}

/** `container` or `container:alias`. @throws invalidArgument in Docker's words */
export function linkWord(value: string): string {
  if (value === "") throw new Failure("invalidArgument", "empty string specified for links")
  if (value.split(":").length > 2) throw new Failure("invalidArgument", `bad format for links: ${value}`)
  return value
}

/** STDIN, STDOUT or STDERR, in lower case. @throws invalidArgument in Docker's words */
export function streamWord(value: string): string {
  const stream = value.toLowerCase()
  if (!["stdin", "stdout", "stderr"].includes(stream))
    throw new Failure("invalidArgument", "valid streams are STDIN, STDOUT and STDERR")
  return stream
}

/** `c 1:3 rwm`. @throws invalidArgument in Docker's words */
export function deviceRuleWord(value: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(value))
    throw new Failure("invalidArgument", `invalid device cgroup format '${value}'`)
  return value
}

const namespacedSysctls = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].map(
  (name) => `kernel.${name}`,
)

/** `name=value` of a kernel parameter that belongs to a namespace. @throws invalidArgument in Docker's words */
export function sysctlWord(value: string): string {
  const [name = "", setting] = value.split("=")
  const namespaced = namespacedSysctls.includes(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.")
  if (setting === undefined || !namespaced) throw new Failure("invalidArgument", `sysctl '${value}' is not allowed`)
  return value
}

/** `key=value` words as a map; without `=` the value is "". */
export function keyValues(words: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {}
  for (const word of words) {
    const [key, value] = cut(word, "=")
    map[key] = value ?? ""
  }
  return map
}

/** The text before and after the first `separator`; after is undefined when there is none. */
export function cut(text: string, separator: string): readonly [before: string, after: string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** The fields of one line of comma-separated values (RFC 4180). @throws invalidArgument `EOF` when it is empty */
export function csvFields(line: string): readonly string[] {
  if (line === "") throw new Failure("invalidArgument", "EOF")
  const fields: string[] = []
  for (let at = 0; ; ) {
    if (line[at] === '"') {
      const quoted = /^"((?:[^"]|"")*)"(?=,|$)/s.exec(line.slice(at))
      if (!quoted)
        throw new Failure(
          "invalidArgument",
          `parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`,
        )
      fields.push(quoted[1]!.replaceAll('""', '"'))
      at += quoted[0].length
    } else {
      const end = line.indexOf(",", at)
      const field = line.slice(at, end < 0 ? undefined : end)
      const quote = field.indexOf('"')
      if (quote >= 0)
        throw new Failure(
          "invalidArgument",
          `parse error on line 1, column ${at + quote + 1}: bare " in non-quoted field`,
        )
      fields.push(field)
      at += field.length
    }
    if (at >= line.length) return fields
    at++
  }
}
