import { readFileSync } from "node:fs"
import { join } from "node:path"

/** What config.json of the client may say, as far as the commands use it. */
export interface ClientConfigFile {
  readonly detachKeys?: string
  readonly psFormat?: string
  readonly imagesFormat?: string
  readonly statsFormat?: string
  readonly volumesFormat?: string
  readonly networksFormat?: string
  readonly HttpHeaders?: Readonly<Record<string, string>>
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>
  readonly proxies?: Readonly<Record<string, ProxyConfig>>
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
  #file: ClientConfigFile | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  get file(): ClientConfigFile {
    this.#file ??= read(join(this.folder, "config.json"))
    return this.#file
  }
}

function read(path: string): ClientConfigFile {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch {
    return {}
  }
  try {
    const value: unknown = JSON.parse(text)
    return value && typeof value === "object" ? value : {}
  } catch (error) {
    process.stderr.write(`WARNING: Error loading config file: ${path}: ${(error as Error).message}\n`)
    return {}
  }
}
