import { existsSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import type { Host } from "./host.ts"

/** Why a daemon on this machine cannot be talked to: nobody listens there, or this user may not. */
export type LocalTrouble = "absent" | "denied"

/** Who could not be reached, and what is known of the way there. */
export interface Unreached {
  readonly host: Host
  readonly tls: boolean
  /** What the daemon is called. */
  readonly daemonName: string
  /** What its user can do about it, as sentences; "" when there is nothing to say. */
  readonly advice?: ((trouble: LocalTrouble, socket: string) => string) | undefined
}

/** No daemon has answered. */
export class ConnectFailure extends Failure {}

/** The failure of a connection that could not be made, or that ended without an answer, in docker's words and with what to do. */
export function connectFailure(error: unknown, { host, tls, daemonName, advice }: Unreached): ConnectFailure {
  const told = (trouble: LocalTrouble) => {
    const text = host.kind === "unix" ? (advice?.(trouble, host.path) ?? "") : ""
    return text && `\n${text}`
  }
  const { code } = error as NodeJS.ErrnoException
  const docker = daemonName === "Docker"
  const api = docker ? "docker API" : `${daemonName} daemon`
  if (code === "EACCES" || code === "EPERM")
    return new ConnectFailure(
      "permissionDenied",
      `permission denied while trying to connect to the ${docker ? api : `${api} socket`} at ${host.text}${told("denied")}`,
      error,
    )
  if (docker && host.kind === "unix" && !existsSync(host.path))
    return new ConnectFailure(
      "unavailable",
      `failed to connect to the ${api} at ${host.text}; check if the path is correct and if the daemon is running: dial unix ${host.path}: connect: no such file or directory`,
      error,
    )
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "FailedToOpenSocket" || code === "ENOTSOCK")
    return new ConnectFailure(
      "unavailable",
      `Cannot connect to the ${daemonName} daemon at ${host.text}. Is the ${daemonName.toLowerCase()} daemon running?${told("absent")}`,
      error,
    )
  const { message } = error as Error
  const hint = host.kind === "tcp" ? tlsHint(message, code, tls) : ""
  if (code === "ENOTFOUND" && host.kind === "tcp")
    return new ConnectFailure(
      "unavailable",
      `failed to connect to the ${api} at ${host.text}: lookup ${new URL(host.text).hostname}: no such host`,
      error,
    )
  return new ConnectFailure("unavailable", `error during connect: ${host.text}: ${message}${hint}`, error)
}

/** What a failure has to do with TLS, where it looks so; the libraries' own words tell few people. */
function tlsHint(message: string, code: string | undefined, tls: boolean): string {
  if (!tls) return /EOF|ECONNRESET/.test(`${message} ${code}`) ? " (if the daemon speaks TLS, add --tlsverify)" : ""
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(message))
    return " (the daemon wants to see a certificate: add --tlscert and --tlskey)"
  if (/WRONG_VERSION_NUMBER/.test(`${message} ${code}`))
    return " (the daemon does not speak TLS there: leave out --tls and --tlsverify)"
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code ?? ""))
    return " (name the authority that signed the daemon's certificate: --tlscacert)"
  return ""
}
