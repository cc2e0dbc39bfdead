import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { naturalOrder } from "../output/list.ts"

/** Where a context's daemon is. */
export interface Endpoint {
  readonly Host?: string
  readonly SkipTLSVerify: boolean
}

/** A context as its file holds it. */
export interface ContextRecord {
  readonly Name: string
  readonly Metadata: { readonly Description?: string }
  readonly Endpoints: { readonly docker?: Endpoint }
}

/** Files of TLS material by name: `ca.pem`, `cert.pem`, `key.pem`. */
export type TlsFiles = ReadonlyMap<string, Uint8Array>

export const tlsFileNames = ["ca.pem", "cert.pem", "key.pem"] as const

const namePattern = "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"

/** @throws invalidArgument in docker's words */
export function checkContextName(name: string): void {
  if (name === "") throw new Failure("invalidArgument", "context name cannot be empty")
  if (name === "default") throw new Failure("invalidArgument", '"default" is a reserved context name')
  if (!new RegExp(namePattern).test(name))
    throw new Failure(
      "invalidArgument",
      `context name ${JSON.stringify(name)} is invalid, names are validated against regexp ${JSON.stringify(namePattern)}`,
    )
}

/** The user's contexts, in the files that docker keeps them in: `contexts/meta/DIGEST/meta.json`, `contexts/tls/DIGEST/…`. */
export class ContextStore {
  readonly #root: string

  /** @param folder the client's configuration folder */
  constructor(folder: string) {
    this.#root = join(folder, "contexts")
  }

  metadataFolder(name: string): string {
    return join(this.#root, "meta", digest(name))
  }

  tlsFolder(name: string): string {
    return join(this.#root, "tls", digest(name))
  }

  has(name: string): boolean {
    return statSync(this.metadataFolder(name), { throwIfNoEntry: false }) !== undefined
  }

  /** @throws notFound */
  get(name: string): ContextRecord {
    const path = join(this.metadataFolder(name), "meta.json")
    try {
      return parseContext(readFileSync(path, "utf8"), path)
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT"
      const why = missing ? `context not found: open ${path}: no such file or directory` : (error as Error).message
      throw new Failure(missing ? "notFound" : "internal", `context ${JSON.stringify(name)}: ${why}`)
    }
  }

  /** All, in the order of their names. */
  list(): readonly ContextRecord[] {
    const folder = join(this.#root, "meta")
    return entriesOf(folder)
      .map((entry) => join(folder, entry, "meta.json"))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
      .map((path) => parseContext(readFileSync(path, "utf8"), path))
      .sort((one, other) => naturalOrder(one.Name, other.Name))
  }

  /** Creates it or replaces what is known about it; `tls` replaces the material, undefined leaves it. */
  put(record: ContextRecord, tls?: TlsFiles): void {
    writeWhole(join(this.metadataFolder(record.Name), "meta.json"), JSON.stringify(record), 0o755, 0o644)
    if (!tls) return
    const folder = this.tlsFolder(record.Name)
    rmSync(folder, { recursive: true, force: true })
    for (const [name, bytes] of tls) writeWhole(join(folder, "docker", name), bytes, 0o700, 0o600)
  }

  remove(name: string): void {
    rmSync(this.metadataFolder(name), { recursive: true, force: true })
    rmSync(this.tlsFolder(name), { recursive: true, force: true })
  }

  /** The TLS material; empty when there is none. */
  tls(name: string): TlsFiles {
    const folder = join(this.tlsFolder(name), "docker")
    return new Map(entriesOf(folder).map((file) => [file, readFileSync(join(folder, file))]))
  }
}

/** The module takes milliseconds to load, and most commands need no stored context. */
const digest = (name: string) => process.getBuiltinModule("node:crypto").hash("sha256", name)

function parseContext(text: string, path: string): ContextRecord {
  try {
    const { Name, Metadata, Endpoints } = JSON.parse(text) as Partial<ContextRecord>
    return { Name: Name ?? "", Metadata: Metadata ?? {}, Endpoints: Endpoints ?? {} }
  } catch (error) {
    throw new Failure("internal", `parsing ${path}: ${(error as Error).message}`)
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function writeWhole(path: string, data: string | Uint8Array, folderMode: number, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: folderMode })
  writeFileSync(`${path}.tmp`, data, { mode })
  renameSync(`${path}.tmp`, path)
}
