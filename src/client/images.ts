import type {
  AuthConfig,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ImagesPruneResponse,
  JsonMessage,
} from "../api/image.ts"
import { jsonValues } from "./json-stream.ts"
import type { ClientFilters } from "./query.ts"
import type { Transport } from "./transport.ts"

/** `/images/…`. */
export class ImagesClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(query: {
    readonly all?: boolean
    readonly filters?: ClientFilters
    readonly digests?: boolean
    readonly "shared-size"?: boolean
    readonly manifests?: boolean
  }): Promise<readonly ImageSummary[]> {
    return this.#transport.json("GET", "/images/json", { query })
  }

  inspect(name: string): Promise<ImageInspect> {
    return this.#transport.json("GET", path(name, "/json"))
  }

  /** The same as the daemon wrote it. */
  inspectText(name: string, query: { readonly platform?: string } = {}): Promise<string> {
    return this.#transport.text("GET", path(name, "/json"), { query })
  }

  history(name: string, query: { readonly platform?: string } = {}): Promise<readonly ImageHistoryItem[]> {
    return this.#transport.json("GET", path(name, "/history"), { query })
  }

  async tag(name: string, repo: string, tag: string): Promise<void> {
    await this.#transport.text("POST", path(name, "/tag"), { query: { repo, tag } })
  }

  remove(
    name: string,
    query: { readonly force?: boolean; readonly noprune?: boolean; readonly platforms?: readonly string[] },
  ): Promise<readonly ImageDeleteItem[]> {
    return this.#transport.json("DELETE", path(name), { query })
  }

  /** Pulls `fromImage:tag`, telling progress. */
  async pull(
    query: { readonly fromImage: string; readonly tag?: string; readonly platform?: string },
    auth?: AuthConfig,
  ): Promise<AsyncIterable<JsonMessage>> {
    const response = await this.#transport.request("POST", "/images/create", { query, headers: authHeader(auth) })
    return jsonValues(response.body)
  }

  /** Copies from registry to registry (Barge's own route). @param auths by server address */
  async copy(
    query: { readonly from: string; readonly to: string; readonly platform?: string; readonly referrers?: boolean },
    auths: Readonly<Record<string, AuthConfig>>,
  ): Promise<AsyncIterable<JsonMessage>> {
    const headers = { "X-Registry-Config": Buffer.from(JSON.stringify(auths)).toString("base64url") }
    return jsonValues((await this.#transport.request("POST", "/images/copy", { query, headers })).body)
  }

  /** Pushes a tag, or all of a repository's when `tag` is absent. */
  async push(
    name: string,
    query: { readonly tag?: string; readonly platform?: string },
    auth?: AuthConfig,
  ): Promise<AsyncIterable<JsonMessage>> {
    const response = await this.#transport.request("POST", path(name, "/push"), { query, headers: authHeader(auth) })
    return jsonValues(response.body)
  }

  /** Makes an image of a tar: of `upload` when `fromSrc` is "-", otherwise of that address. */
  async import(
    query: {
      readonly fromSrc: string
      readonly repo?: string
      readonly tag?: string
      readonly message?: string
      readonly changes?: readonly string[]
      readonly platform?: string
    },
    upload?: AsyncIterable<Uint8Array>,
  ): Promise<AsyncIterable<JsonMessage>> {
    const response = await this.#transport.request("POST", "/images/create", { query, ...(upload ? { upload } : {}) })
    return jsonValues(response.body)
  }

  /** Loads an archive. Answers with progress as JSON. */
  async load(
    upload: AsyncIterable<Uint8Array>,
    query: { readonly quiet: boolean; readonly platform?: readonly string[] },
  ): Promise<AsyncIterable<JsonMessage>> {
    const response = await this.#transport.request("POST", "/images/load", {
      query: { ...query, quiet: query.quiet ? "1" : "0" },
      upload,
      headers: { "Content-Type": "application/x-tar" },
    })
    return jsonValues(response.body)
  }

  /** An archive of the named images. */
  async save(
    names: readonly string[],
    query: { readonly platform?: readonly string[] } = {},
  ): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#transport.request("GET", "/images/get", { query: { names, ...query } })).body
  }

  prune(filters: ClientFilters): Promise<ImagesPruneResponse> {
    return this.#transport.json("POST", "/images/prune", { query: { filters } })
  }
}

/** Slashes, colons and at signs of image names stay as they are. */
const path = (name: string, verb = "") => `/images/${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}${verb}`

const authHeader = (auth: AuthConfig | undefined): Readonly<Record<string, string>> => ({
  "X-Registry-Auth": Buffer.from(JSON.stringify(auth ?? {})).toString("base64url"),
})
