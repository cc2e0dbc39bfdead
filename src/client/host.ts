import { Failure } from "../errors/failure.ts"

/** Where a daemon listens. */
export type Host =
  | { readonly kind: "unix"; readonly path: string; readonly text: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly text: string }

/** Key, certificate and authority for a daemon behind TLS; PEM texts. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Whether the daemon's certificate must be valid. */
  readonly verify: boolean
}

/**
 * Parses `unix:///path`, `tcp://host:port`, `host:port` or `host` as docker does.
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
  if (scheme && scheme[1] !== "tcp") throw new Failure("invalidArgument", `invalid bind address format: ${given}`)
  const address = scheme ? scheme[2]! : given
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]*)(?::(\d*))?(\/.*)?$/.exec(address)
  if (!match) throw new Failure("invalidArgument", `invalid bind address format: ${given}`)
  const host = match[1]?.replace(/^\[|\]$/g, "") || "localhost"
  const port = Number(match[2] || (tls ? 2376 : 2375))
  if (port > 65535) throw new Failure("invalidArgument", `invalid bind address format: ${given}`)
  const shown = host.includes(":") ? `[${host}]` : host
  return { kind: "tcp", host, port, text: `tcp://${shown}:${port}` }
}
