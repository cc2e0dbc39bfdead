import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { createSecureContext, rootCertificates } from "node:tls"
import { Failure, messageOf } from "../errors/failure.ts"
import type { TlsSettings } from "./http-client.ts"

/** Files, PEM, beyond what the system trusts. */
export interface CertificateFiles {
  readonly authorities: readonly string[]
  readonly clients: readonly { readonly certificate: string; readonly key: string }[]
}

export const noCertificates: CertificateFiles = { authorities: [], clients: [] }

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
]

/**
 * The certificates of a `certs.d` directory: `*.crt` are authorities, `NAME.cert` with `NAME.key` is for the client.
 * @throws invalidArgument for a certificate without its key
 */
export function readCertificateDirectory(directory: string): CertificateFiles {
  const names = readdirSync(directory).sort()
  const path = (name: string) => join(directory, name)
  const clients = names
    .filter((name) => name.endsWith(".cert"))
    .map((name) => {
      const key = name.replace(/\.cert$/, ".key")
      if (!names.includes(key)) {
        throw new Failure("invalidArgument", `missing key ${key} for client certificate ${name} in ${directory}`)
      }
      return { certificate: path(name), key: path(key) }
    })
  const alone = names.find((name) => name.endsWith(".key") && !names.includes(name.replace(/\.key$/, ".cert")))
  if (alone) {
    const certificate = alone.replace(/\.key$/, ".cert")
    throw new Failure("invalidArgument", `missing client certificate ${certificate} for key ${alone} in ${directory}`)
  }
  return { authorities: names.filter((name) => name.endsWith(".crt")).map(path), clients }
}

/** Makes what connections need of files; the same files give the same settings until they change. */
export class TlsContexts {
  readonly #known = new Map<string, TlsSettings>()

  /** @throws invalidArgument when a file cannot be read or used */
  of(files: CertificateFiles, verify: boolean): TlsSettings {
    const client = files.clients[0]
    try {
      const paths = [...files.authorities, ...(client ? [client.certificate, client.key] : [])]
      const key = JSON.stringify([verify, ...paths.map((path) => [path, statSync(path).mtimeMs])])
      const known = this.#known.get(key)
      if (known) return known
      const context = createSecureContext({
        ca: [...systemAuthorities(), ...files.authorities.map(read)],
        ...(client ? { cert: read(client.certificate), key: read(client.key) } : {}),
      })
      const made = { context, verify }
      this.#known.set(key, made)
      return made
    } catch (error) {
      throw new Failure("invalidArgument", `cannot use the registry's certificates: ${messageOf(error)}`, error)
    }
  }
}

const read = (path: string): string => readFileSync(path, "utf8")

function systemAuthorities(): readonly string[] {
  const bundle = process.env["SSL_CERT_FILE"] ?? systemBundles.find((path) => existsSync(path))
  return bundle ? [read(bundle)] : rootCertificates
}
