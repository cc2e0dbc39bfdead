import { existsSync, readFileSync } from "node:fs"
import type { TlsOptions } from "../client/host.ts"
import type { Values } from "./flags/flag.ts"
import { certificateFile, type globalFlags } from "./global-flags.ts"

/** TLS as flags and environment ask for it. */
export interface TlsRequest {
  /** Whether the daemon's certificate must be valid. */
  readonly verify: boolean
  /** Paths by the names that the files have in a context. The key pair is optional unless a flag names it. */
  readonly files: ReadonlyMap<"ca.pem" | "cert.pem" | "key.pem", string>
}

/**
 * What `--tls`, `--tlsverify` and their variables ask for; undefined for connections without TLS. `--tlsverify=false` means TLS
 * without verification, as docker has it.
 */
export function requestedTls(globals: Values<ReturnType<typeof globalFlags>>): TlsRequest | undefined {
  if (!globals.tls && globals.tlsverify === undefined) return undefined
  const optional = (name: "cert.pem" | "key.pem", given: string) => {
    const path = given || certificateFile(name)
    return given || existsSync(path) ? [[name, path] as const] : []
  }
  return {
    verify: globals.tlsverify ?? false,
    files: new Map([
      ["ca.pem", globals.tlscacert],
      ...optional("cert.pem", globals.tlscert),
      ...optional("key.pem", globals.tlskey),
    ]),
  }
}

/** Reads the files. @throws Error in docker's words when one cannot be read */
export function readTls({ verify, files }: TlsRequest): TlsOptions {
  const read = (name: "ca.pem" | "cert.pem" | "key.pem") => {
    const path = files.get(name)
    if (path === undefined) return undefined
    try {
      return readFileSync(path, "utf8")
    } catch (error) {
      const denied = (error as NodeJS.ErrnoException).code === "EACCES"
      throw new Error(`open ${path}: ${denied ? "permission denied" : "no such file or directory"}`)
    }
  }
  const [ca, cert, key] = [read("ca.pem"), read("cert.pem"), read("key.pem")]
  return { verify, ...(ca && verify ? { ca } : {}), ...(cert && key ? { cert, key } : {}) }
}
