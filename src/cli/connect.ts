import { existsSync } from "node:fs"
import { Docker } from "../client/docker.ts"
import { type Host, parseHost, type TlsOptions } from "../client/host.ts"
import { compareVersions, newestApiVersion } from "../client/transport.ts"
import { messageOf } from "../errors/failure.ts"
import { csvFields, cut } from "../flag-values/words.ts"
import { proxySettings } from "../std/http/proxy.ts"
import type { ClientConfig } from "./client-config.ts"
import { Exit } from "./command.ts"
import { Contexts, type DefaultEndpoint } from "./context/contexts.ts"
import type { Values } from "./flags/flag.ts"
import type { globalFlags } from "./global-flags.ts"
import { localAdvice } from "./local-advice.ts"
import { readTls, requestedTls } from "./tls-flags.ts"

const logLevels = ["debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"]

interface ConnectOptions {
  readonly program: string
  readonly globals: Values<ReturnType<typeof globalFlags>>
  readonly config: ClientConfig
}

/** What flags, environment and contexts say about the daemon. */
export interface Surroundings {
  readonly contexts: Contexts
  /** The daemon. Nothing is connected before the first request. @throws Exit when what was said is wrong */
  connect(): Docker
}

/**
 * Finds the daemon: `--context`, `--host`, BARGE_HOST (when called as barge), DOCKER_HOST, DOCKER_CONTEXT, the stored
 * choice of `context use`, or the program's own socket ({@link ownSocket}).
 * @throws Exit when the words are contradictory
 */
export function surroundings({ program, globals, config }: ConnectOptions): Surroundings {
  if (!logLevels.includes(globals["log-level"]))
    throw new Exit(1, `Unable to parse logging level: ${globals["log-level"]}`)
  if (globals.context && globals.host.length > 0)
    throw new Exit(1, "conflicting options: cannot specify both --host and --context")
  const barge = program !== "docker"
  const named = (barge && process.env["BARGE_HOST"]) || process.env["DOCKER_HOST"] || ""
  const requested = requestedTls(globals)
  const current =
    globals.context ||
    (globals.host.length > 0 || named ? "default" : "") ||
    process.env["DOCKER_CONTEXT"] ||
    config.file.currentContext ||
    "default"

  const fallback = (): DefaultEndpoint => {
    const given = globals.host[0] || named || ownSocket(program)
    const host = parseHost(given, requested !== undefined)
    return { host: host.text, skipsVerification: requested?.verify === false, tls: requested?.files ?? new Map() }
  }
  const contexts = new Contexts(config, current, fallback)

  const resolve = (): { readonly host: Host; readonly tls?: TlsOptions } => {
    if (current === "default") {
      const host = parseHost(fallback().host, requested !== undefined)
      // Files that are missing are an error on a unix socket too: who asks for TLS must not believe to have it.
      const tls = requested ? readTls(requested) : undefined
      return tls && host.kind === "tcp" ? { host, tls } : { host }
    }
    const endpoint = contexts.get(current).Endpoints.docker
    if (!endpoint) throw new Error("cannot find docker endpoint in context")
    const files = contexts.tls(current)
    const text = (name: string) => (files.has(name) ? Buffer.from(files.get(name)!).toString() : undefined)
    const [ca, cert, key] = [text("ca.pem"), text("cert.pem"), text("key.pem")]
    const secure = files.size > 0 || endpoint.SkipTLSVerify
    const host = parseHost(endpoint.Host || fallback().host, secure)
    if (!secure || host.kind !== "tcp") return { host }
    return {
      host,
      tls: { verify: !endpoint.SkipTLSVerify, ...(ca ? { ca } : {}), ...(cert && key ? { cert, key } : {}) },
    }
  }

  const connect = () => {
    let found: ReturnType<typeof resolve>
    try {
      found = resolve()
    } catch (error) {
      throw new Exit(1, `Failed to initialize: unable to resolve docker endpoint: ${messageOf(error)}`)
    }
    const apiVersion = askedVersion()
    return new Docker({
      ...found,
      headers: { ...config.file.HttpHeaders, ...customHeaders() },
      ...(apiVersion ? { apiVersion } : {}),
      proxies: proxySettings({}, process.env),
      daemonName: barge ? "Barge" : "Docker",
      ...(barge ? { advice: localAdvice } : {}),
    })
  }
  return { contexts, connect }
}

/** The version that DOCKER_API_VERSION names; undefined for one that this program does not know, which then asks the daemon. */
function askedVersion(): string | undefined {
  const given = process.env["DOCKER_API_VERSION"]?.trim() ?? ""
  const version = given.replace(/^v/, "")
  if (version === "") return undefined
  if (!/^\d+\.\d+$/.test(version))
    throw new Exit(1, `Failed to initialize: invalid API version (${given}): must be formatted <major>.<minor>`)
  return compareVersions(version, newestApiVersion) > 0 ? undefined : version
}

const bargeSocket = "/run/barge/barge.sock"
const dockerSocket = "/var/run/docker.sock"

/** Where the daemon of this machine is. Called as docker it is Docker's, or Barge's where only that one is there. */
function ownSocket(program: string): string {
  const barges = program !== "docker" || (!existsSync(dockerSocket) && existsSync(bargeSocket))
  return `unix://${barges ? bargeSocket : dockerSocket}`
}

/** The headers of DOCKER_CUSTOM_HEADERS: `name=value` pairs as comma-separated values. */
function customHeaders(): Record<string, string> {
  const given = process.env["DOCKER_CUSTOM_HEADERS"]
  if (!given) return {}
  const headers: Record<string, string> = {}
  for (const field of csvFields(given)) {
    const [name, value] = cut(field, "=")
    if (name.trim() === "" || value === undefined)
      throw new Exit(1, `failed to parse custom headers from DOCKER_CUSTOM_HEADERS environment variable: ${field}`)
    headers[name.trim()] = value
  }
  return headers
}
