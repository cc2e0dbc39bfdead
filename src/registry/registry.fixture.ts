import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mediaTypes } from "../oci/descriptor.ts"
import { type Digest, digestOf } from "../oci/digest.ts"
import { Log } from "../std/log.ts"
import { bcrypt } from "../std/password.ts"
import type { RemoteRepositories } from "./cache/remote.ts"
import { registryConfig } from "./config.ts"
import { parseFlags } from "./flags.ts"
import { type RunningRegistry, serveRegistry } from "./serve.ts"

/** A registry in this process, with a directory of its own, and requests to it. */
export class TestRegistry implements AsyncDisposable {
  readonly root: string
  readonly lines: string[] = []
  readonly #args: readonly string[]
  readonly #kept: boolean
  #running!: RunningRegistry

  private constructor(root: string, args: readonly string[], kept: boolean) {
    this.root = root
    this.#args = args
    this.#kept = kept
  }

  /**
   * @param config the configuration file's content
   * @param more.root an earlier registry's directory, left in place at the end
   * @param more.remote stands in for the registries that are cached
   */
  static async start(
    config: Readonly<Record<string, unknown>> = {},
    flags: readonly string[] = [],
    { root, remote }: { readonly root?: string; readonly remote?: RemoteRepositories } = {},
  ): Promise<TestRegistry> {
    const directory = root ?? mkdtempSync(join(tmpdir(), "registry-"))
    const file = join(directory, "config.json")
    const args = ["--addr", "127.0.0.1:0", "--root", join(directory, "data"), "--config", file, ...flags]
    const registry = new TestRegistry(directory, args, root !== undefined)
    registry.configure(config)
    const log = new Log({ level: "warn", write: (line) => void registry.lines.push(line) })
    registry.#running = await serveRegistry(registryConfig(parseFlags(args)), {
      log,
      line: (line) => void registry.lines.push(line),
      ...(remote ? { remote } : {}),
    })
    return registry
  }

  /** Writes the configuration; `reload` makes it count. */
  configure(config: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(this.root, "config.json"), JSON.stringify(config))
  }

  reload(): void {
    this.#running.reload(registryConfig(parseFlags(this.#args)))
  }

  collect(): Promise<void> {
    return this.#running.collect()
  }

  /** `host:port`. */
  get address(): string {
    return this.#running.address
  }

  /** Where metrics are, when they were asked for. */
  get metrics(): string {
    return this.#running.metrics!
  }

  get url(): string {
    return `http://${this.address}`
  }

  /** A request to a path, or to a Location that the registry gave. Redirects are answers. */
  ask(
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string | Uint8Array<ArrayBuffer> } = {},
  ): Promise<Response> {
    return fetch(new URL(path, this.url), { method, redirect: "manual", ...options })
  }

  /** Uploads a blob in one PUT. */
  async push(repository: string, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<Digest> {
    const digest = digestOf(bytes)
    const begun = await this.ask("POST", `/v2/${repository}/blobs/uploads/`, { headers })
    if (begun.status !== 202) throw new Error(`POST answered ${begun.status}: ${await begun.text()}`)
    const location = begun.headers.get("location")!
    const done = await this.ask("PUT", `${location}?digest=${digest}`, { headers, body: new Uint8Array(bytes) })
    if (done.status !== 201) throw new Error(`PUT answered ${done.status}: ${await done.text()}`)
    return digest
  }

  /** Pushes an image with one layer. @returns its digests */
  async image(
    repository: string,
    tag: string,
    more: { layer?: Uint8Array; headers?: Record<string, string>; fields?: object } = {},
  ): Promise<{ manifest: Digest; layer: Digest; config: Digest; bytes: string }> {
    const layerBytes = more.layer ?? randomBytes(1000)
    const configBytes = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", of: digestOf(layerBytes) }))
    const layer = await this.push(repository, layerBytes, more.headers)
    const config = await this.push(repository, configBytes, more.headers)
    const bytes = imageManifest(
      { digest: config, size: configBytes.length },
      [{ digest: layer, size: layerBytes.length }],
      more.fields,
    )
    const answer = await this.putManifest(repository, tag, bytes, mediaTypes.ociManifest, more.headers)
    if (answer.status !== 201) throw new Error(`manifest: ${answer.status} ${await answer.text()}`)
    return { manifest: digestOf(bytes), layer, config, bytes }
  }

  putManifest(
    repository: string,
    reference: string,
    bytes: string,
    type: string = mediaTypes.ociManifest,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.ask("PUT", `/v2/${repository}/manifests/${reference}`, {
      headers: { "Content-Type": type, ...headers },
      body: bytes,
    })
  }

  /** Stops the server and keeps the directory. */
  async stop(): Promise<void> {
    await this.#running[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]()
    if (!this.#kept) rmSync(this.root, { recursive: true, force: true })
  }
}

interface Part {
  readonly digest: Digest
  readonly size: number
}

export const imageManifest = (config: Part, layers: readonly Part[], fields: object = {}): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, ...config },
    layers: layers.map((layer) => ({ mediaType: mediaTypes.ociLayer, ...layer })),
    ...fields,
  })

export const indexManifest = (manifests: readonly Part[], fields: object = {}): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: manifests.map((each) => ({ mediaType: mediaTypes.ociManifest, ...each })),
    ...fields,
  })

export const sha512 = (bytes: Uint8Array | string): Digest =>
  `sha512:${createHash("sha512").update(bytes).digest("hex")}` as Digest

/** The code of a refusal, as the specification's JSON has it. */
export async function codeOf(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] }
  return errors[0]!.code
}

/** A password file with these users. */
export async function passwordFile(path: string, users: Readonly<Record<string, string>>): Promise<string> {
  const lines = await Promise.all(Object.entries(users).map(async ([user, word]) => `${user}:${await bcrypt(word, 4)}`))
  writeFileSync(path, `${lines.join("\n")}\n`)
  return path
}

export const basic = (user: string, password: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
})
