import type { Registries } from "../../distribution/registries.ts"
import { defaultRetries, type RetryPolicy } from "../../distribution/retry.ts"
import { isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { Platform } from "../../oci/platform.ts"
import type { Reference } from "../../oci/reference.ts"
import { Semaphore } from "../../std/semaphore.ts"
import type { ContentStore } from "../content/contract.ts"
import type { LeaseStore } from "../leases/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ImageTrust } from "../trust/contract.ts"
import { ImageCompressor } from "./compress-image.ts"
import type { RemoteImages, RemoteOptions, ResolvedImage } from "./contract.ts"
import { copyImage } from "./copy.ts"
import { BlobFetcher } from "./fetch.ts"
import { pullImage } from "./pull.ts"
import { pushImage } from "./push.ts"
import { defaultRanges, type RangeOptions } from "./ranges.ts"
import { sourcesOf } from "./sources.ts"
import { SpareLayers } from "./spare-layers.ts"
import type { Unpacker } from "./unpack.ts"

export interface RegistryImagesOptions {
  readonly registries: Registries
  readonly content: ContentStore
  readonly leases: LeaseStore
  readonly snapshots: Snapshotter
  readonly unpacker: Unpacker
  /** Asked before anything of an image but its manifests is fetched. */
  readonly trust: ImageTrust
  /** Layers on the way at the same time, over all pulls and over all pushes. */
  readonly downloads: number
  readonly uploads: number
  /** Whether layers of pulled images stay beside their unpacked form; otherwise they are fetched again when they are needed. */
  readonly keepLayers?: boolean
  readonly retries?: RetryPolicy
  readonly ranges?: RangeOptions
}

/** Images between the stores of one daemon and the registries it may reach. */
export class RegistryImages implements RemoteImages {
  readonly keepsLayers: boolean
  readonly #registries: Registries
  readonly #content: ContentStore
  readonly #snapshots: Snapshotter
  readonly #unpacker: Unpacker
  readonly #trust: ImageTrust
  readonly #fetcher: BlobFetcher
  readonly #compressor: ImageCompressor
  readonly #uploads: Semaphore
  readonly #spare: SpareLayers

  constructor(options: RegistryImagesOptions) {
    this.#registries = options.registries
    this.#content = options.content
    this.#snapshots = options.snapshots
    this.#unpacker = options.unpacker
    this.#trust = options.trust
    this.#compressor = new ImageCompressor(options.content)
    this.#uploads = new Semaphore(options.uploads)
    this.#fetcher = new BlobFetcher({
      content: options.content,
      leases: options.leases,
      atOnce: options.downloads,
      retries: options.retries ?? defaultRetries,
      ranges: options.ranges ?? defaultRanges,
    })
    this.keepsLayers = options.keepLayers ?? true
    const { registries, content } = options
    this.#spare = new SpareLayers({ registries, content, fetcher: this.#fetcher })
  }

  async pull(
    scope: Scope,
    reference: Reference,
    options: RemoteOptions & { readonly platform?: Platform; readonly found: () => void },
  ): Promise<{ readonly target: Descriptor; readonly image: ResolvedImage }> {
    const repository = await this.#registries.repository(reference, options.credentials)
    const stores = {
      content: this.#content,
      snapshots: this.#snapshots,
      fetcher: this.#fetcher,
      unpacker: this.#unpacker,
      trust: this.#trust,
      keepLayers: this.keepsLayers,
    }
    const pulled = await pullImage(scope, stores, repository, reference, options)
    if (!this.keepsLayers) await this.#spare.release(scope, pulled.image.content.layers)
    return pulled
  }

  async restore(
    scope: Scope,
    target: Descriptor,
    { credentials }: Pick<RemoteOptions, "credentials"> = {},
  ): Promise<AsyncDisposable> {
    return await this.#spare.restore(scope, target, () => credentials)
  }

  async tags(
    scope: Scope,
    reference: Reference,
    options: Pick<RemoteOptions, "credentials">,
  ): Promise<readonly string[]> {
    return await (await this.#registries.repository(reference, options.credentials)).tags(scope.signal)
  }

  async push(
    scope: Scope,
    reference: Reference,
    target: Descriptor,
    options: RemoteOptions & { readonly platform?: Platform },
  ): Promise<{ readonly pushed: Descriptor; readonly form: Descriptor }> {
    const repository = await this.#registries.repository(reference, options.credentials)
    const form = await this.#compressor.compressed(scope, target, options.progress)
    // Whoever pushes to a registry may read there; others are asked as nobody.
    const credentials = (domain: string) => (domain === reference.domain ? options.credentials : undefined)
    const restored: Descriptor[] = []
    await using _restored = { [Symbol.asyncDispose]: () => this.#spare.release(scope, restored) }
    const pushed = await pushImage(scope, this.#content, repository, form, reference.tag ?? "latest", {
      ...options,
      slots: this.#uploads,
      restore: async (held, blob) => {
        if (await this.#spare.restoreLayer(held, blob, [form.digest], credentials)) restored.push(blob)
      },
    })
    return { pushed, form }
  }

  async copy(
    scope: Scope,
    from: Reference,
    to: Reference,
    options: Parameters<RemoteImages["copy"]>[3],
  ): Promise<Descriptor> {
    const source = await this.#registries.repository(from, options.credentials(from.domain))
    const target = await this.#registries.repository(to, options.credentials(to.domain))
    return await copyImage(scope, source, from.digest ?? from.tag ?? "latest", target, to.tag ?? "latest", {
      ...options,
      slots: this.#uploads,
    })
  }

  async isAt(scope: Scope, reference: Pick<Reference, "domain" | "path">, digest: Digest): Promise<boolean> {
    try {
      return sourcesOf(await this.#content.info(scope, digest), reference.domain).includes(reference.path)
    } catch (error) {
      if (isKind(error, "notFound")) return false
      throw error
    }
  }
}
