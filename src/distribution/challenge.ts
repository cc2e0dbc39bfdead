/** One way to authenticate that a host offers (RFC 9110, section 11.6.1). Scheme and names are in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const parameter = new RegExp(`^\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]*))\\s*(?:,|$)`)
const scheme = new RegExp(`^[\\s,]*(${token})(?=\\s|,|$)`)

/** Parses `WWW-Authenticate`, which may hold several challenges; what cannot be understood ends the list. */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  const found: Challenge[] = []
  let rest = header ?? ""
  for (;;) {
    const start = scheme.exec(rest)
    if (!start) return found
    rest = rest.slice(start[0].length)
    const parameters: Record<string, string> = {}
    for (let next = parameter.exec(rest); next; next = parameter.exec(rest)) {
      parameters[next[1]!.toLowerCase()] = next[2] === undefined ? next[3]! : next[2].replace(/\\(.)/g, "$1")
      rest = rest.slice(next[0].length)
    }
    found.push({ scheme: start[1]!.toLowerCase(), parameters })
  }
}
