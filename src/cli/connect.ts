import { readFileSync } from "node:fs"
import { Docker } from "../client/docker.ts"
import { type Host, parseHost, type TlsOptions } from "../client/host.ts"
import { messageOf } from "../errors/failure.ts"
import type { ClientConfig } from "./client-config.ts"
import { Exit } from "./command.ts"
import type { Values } from "./flags/flag.ts"
import type { globalFlags } from "./global-flags.ts"

const logLevels = ["debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"]

interface Wish {
  readonly program: string
  readonly globals: Values<ReturnType<typeof globalFlags>>
  readonly config: ClientConfig
}

/**
 * The daemon that flags and environment name: `--host`, BARGE_HOST (when called as barge), DOCKER_HOST, or the
 * program's own socket.
 * @throws Exit when they are contradictory or wrong
 */
export function connect({ program, globals, config }: Wish): Docker {
  if (!logLevels.includes(globals["log-level"]))
    throw new Exit(1, `Unable to parse logging level: ${globals["log-level"]}`)
  const context = globals.context || (globals.host.length > 0 ? "" : (process.env["DOCKER_CONTEXT"] ?? ""))
  if (context && globals.host.length > 0)
    throw new Exit(1, "conflicting options: cannot specify both --host and --context")
  if (context && context !== "default")
    throw new Exit(
      1,
      `Failed to initialize: unable to resolve docker endpoint: context "${context}": context not found`,
    )
  if (globals.host.length > 1) throw new Exit(1, "Failed to initialize: specify only one -H")
  const barge = program !== "docker"
  const given =
    globals.host[0] || (barge && process.env["BARGE_HOST"]) || (!context && process.env["DOCKER_HOST"]) || undefined
  const verify = globals.tlsverify || Boolean(process.env["DOCKER_TLS_VERIFY"])
  const withTls = verify || globals.tls
  let host: Host
  let tls: TlsOptions | undefined
  try {
    host = parseHost(given ?? (barge ? "unix:///run/barge/barge.sock" : "unix:///var/run/docker.sock"), withTls)
    tls = withTls && host.kind === "tcp" ? readTls(globals, verify) : undefined
  } catch (error) {
    throw new Exit(1, `Failed to initialize: unable to resolve docker endpoint: ${messageOf(error)}`)
  }
  return new Docker({
    host,
    ...(tls ? { tls } : {}),
    headers: config.file.HttpHeaders ?? {},
    ...(process.env["DOCKER_API_VERSION"] ? { apiVersion: process.env["DOCKER_API_VERSION"].replace(/^v/, "") } : {}),
    daemonName: barge ? "Barge" : "Docker",
  })
}

/** The files that the TLS flags name. The key pair is optional unless it was asked for. */
function readTls(globals: Wish["globals"], verify: boolean): TlsOptions {
  const read = (path: string, needed: boolean) => {
    try {
      return readFileSync(path, "utf8")
    } catch (error) {
      if (!needed && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined
      throw new Error(`open ${path}: no such file or directory`)
    }
  }
  const ca = verify ? read(globals.tlscacert, true) : undefined
  const cert = read(globals.tlscert, false)
  const key = read(globals.tlskey, false)
  return { verify, ...(ca ? { ca } : {}), ...(cert && key ? { cert, key } : {}) }
}
