import { Failure } from "../../errors/failure.ts"

/** Where to listen. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** Sockets handed over by systemd (sd_listen_fds(3)); `name` picks one by FileDescriptorName or number. */
  | { readonly kind: "fd"; readonly name?: string }

/**
 * Parses dockerd's `-H`: `unix:///path`, `unix://` (the default path), `tcp://host:port`, `host:port`, `fd://[name]`.
 * @param defaults the path of the default socket, and whether TLS is on (which moves the default port to 2376)
 * @throws invalidArgument
 */
export function parseEndpoint(text: string, defaults: { readonly path: string; readonly tls: boolean }): Endpoint {
  const match = /^(?:(\w+):\/\/)?(.*)$/.exec(text.trim())
  const scheme = match?.[1] ?? "tcp"
  const rest = match?.[2] ?? ""
  if (scheme === "unix") return { kind: "unix", path: rest === "" ? defaults.path : rest }
  if (scheme === "fd") return rest === "" || rest === "*" ? { kind: "fd" } : { kind: "fd", name: rest }
  if (scheme === "tcp") {
    const address = /^(\[[0-9a-fA-F:.%\w]*\]|[^:/]*)(?::(\d{1,5}))?\/?$/.exec(rest)
    const port = address?.[2] ? Number(address[2]) : defaults.tls ? 2376 : 2375
    if (address && port <= 65535) return { kind: "tcp", host: address[1]!.replace(/^\[|\]$/g, "") || "localhost", port }
  }
  throw new Failure(
    "invalidArgument",
    `invalid bind address (${text}): use unix:///path, tcp://host:port or fd:// (systemd socket activation)`,
  )
}
