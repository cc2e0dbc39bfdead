import { mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { newId, shortId } from "../std/id.ts"

/** What config.json of the client may say, as far as the commands use it. */
export interface ClientConfigFile {
  readonly detachKeys?: string
  readonly psFormat?: string
  readonly imagesFormat?: string
  readonly statsFormat?: string
  readonly volumesFormat?: string
  readonly networksFormat?: string
  readonly pluginsFormat?: string
  /** Filters that every prune command uses: `label!=keep`. */
  readonly pruneFilters?: readonly string[]
  readonly HttpHeaders?: Readonly<Record<string, string>>
  readonly auths?: Readonly<Record<string, StoredAuth>>
  /** The program `docker-credential-NAME` that keeps credentials. */
  readonly credsStore?: string
  /** The same for single registries. */
  readonly credHelpers?: Readonly<Record<string, string>>
  /** Proxies that containers get, by the daemon's address or `default`. */
  readonly proxies?: Readonly<Record<string, ProxyConfig>>
  readonly currentContext?: string
}

/** How config.json keeps a login. */
export interface StoredAuth {
  /** `user:password`, base64. */
  readonly auth?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

export interface ProxyConfig {
  readonly httpProxy?: string
  readonly httpsProxy?: string
  readonly noProxy?: string
  readonly ftpProxy?: string
  readonly allProxy?: string
}

/** The client's configuration, read when first asked for. A missing file is an empty one. */
export class ClientConfig {
  readonly folder: string
  readonly #warn: (message: string) => void
  #file: ClientConfigFile | undefined
  #unreadable = false

  /** @param warn told what is wrong with the file */
  constructor(folder: string, warn: (message: string) => void) {
    this.folder = folder
    this.#warn = warn
  }

  get path(): string {
    return join(this.folder, "config.json")
  }

  get file(): ClientConfigFile {
    this.#file ??= this.#read()
    return this.#file
  }

  /**
   * Changes some keys of the file, which keeps everything else; undefined removes a key.
   * @throws invalidArgument when the file cannot be read: what it holds must not be lost
   */
  update(changes: { readonly [K in keyof ClientConfigFile]?: ClientConfigFile[K] | undefined }): void {
    const before = this.file
    if (this.#unreadable)
      throw new Failure("invalidArgument", `${this.path} is not valid JSON, so it is left as it is: mend or remove it`)
    const changed = { auths: {}, ...before, ...changes }
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
    const target = resolved(this.path)
    const mode = (statSync(target, { throwIfNoEntry: false })?.mode ?? 0o600) & 0o777
    const temporary = join(dirname(target), `.config.json-${shortId(newId())}`)
    writeFileSync(temporary, JSON.stringify(changed, null, "\t"), { mode })
    renameSync(temporary, target)
    this.#file = JSON.parse(JSON.stringify(changed))
  }

  #read(): ClientConfigFile {
    let text: string
    try {
      text = readFileSync(this.path, "utf8")
    } catch {
      return {}
    }
    if (text.trim() === "") return {}
    try {
      const value: unknown = JSON.parse(text)
      if (value && typeof value === "object" && !Array.isArray(value)) return value
      throw new Error("it is not a JSON object")
    } catch (error) {
      this.#unreadable = true
      this.#warn(`WARNING: Error parsing config file (${this.path}): ${(error as Error).message}`)
      return {}
    }
  }
}

/** The file that a symbolic link leads to. */
function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
