import { Failure } from "../errors/failure.ts"

/** Where a daemon listens. */
export type Host =
  | { readonly kind: "unix"; readonly path: string; readonly text: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly text: string }
  /** Reached by running `docker system dial-stdio`, or Barge's, over there. */
  | { readonly kind: "ssh"; readonly destination: string; readonly options: readonly string[]; readonly text: string }

/** Key, certificate and authority for a daemon behind TLS; PEM texts. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Whether the daemon's certificate must be valid. */
  readonly verify: boolean
}

/**
 * Parses `unix:///path`, `tcp://host:port`, `ssh://user@host:port`, `host:port` or `host` as docker does.
 * @param tls decides the default port
 * @throws invalidArgument with Docker's wording
 */
export function parseHost(text: string, tls: boolean): Host {
  const given = text.trim()
  const scheme = /^([a-z]+):\/\/(.*)$/.exec(given)
  if (scheme?.[1] === "unix") {
    const path = scheme[2] || "/var/run/docker.sock"
    return { kind: "unix", path, text: `unix://${path}` }
  }
  if (scheme?.[1] === "ssh") return sshHost(given, scheme[2]!)
  if (scheme && scheme[1] !== "tcp") throw new Failure("invalidArgument", `invalid bind address format: ${given}`)
  const address = scheme ? scheme[2]! : given
  const badPort = /^(?:\[[^\]]*\]|[^:/]*)(:[^/]*\D[^/]*)(?:\/|$)/.exec(address)
  if (badPort)
    throw new Failure(
      "invalidArgument",
      `parse "tcp://${address}": invalid port ${JSON.stringify(badPort[1])} after host`,
    )
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]*)(?::(\d*))?(\/.*)?$/.exec(address)
  if (!match) throw new Failure("invalidArgument", `invalid bind address format: ${given}`)
  const host = match[1]?.replace(/^\[|\]$/g, "") || "localhost"
  const port = Number(match[2] || (tls ? 2376 : 2375))
  if (port > 65535) throw new Failure("invalidArgument", `invalid bind address format: ${given}`)
  const shown = host.includes(":") ? `[${host}]` : host
  return { kind: "tcp", host, port, text: `tcp://${shown}:${port}` }
}

function sshHost(given: string, rest: string): Host {
  const wrong = (what: string) => new Failure("invalidArgument", `invalid SSH URL: ${what}`)
  let url: URL
  try {
    url = new URL(`http://${rest}`)
  } catch {
    throw wrong(`parse ${JSON.stringify(given)}`)
  }
  if (url.password) throw wrong("plain-text password is not supported")
  if (!url.hostname) throw wrong("no host specified")
  if (url.search || url.hash) throw wrong(`extra query or fragment after the host: "${url.search}${url.hash}"`)
  if (url.pathname !== "/") throw wrong(`extra path after the host: ${JSON.stringify(url.pathname)}`)
  const port = /:(\d+)$/.exec(rest)?.[1]
  return {
    kind: "ssh",
    destination: url.hostname.replace(/^\[|\]$/g, ""),
    options: [...(url.username ? ["-l", decodeURIComponent(url.username)] : []), ...(port ? ["-p", port] : [])],
    text: given,
  }
}
