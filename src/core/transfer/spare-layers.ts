import type { Credentials } from "../../distribution/credentials.ts"
import type { Registries } from "../../distribution/registries.ts"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { ContentStore } from "../content/contract.ts"
import { spareLabel } from "../content/spare.ts"
import type { Scope } from "../scope.ts"
import type { BlobFetcher } from "./fetch.ts"
import { imagesOf, readImage } from "./resolve.ts"
import { layerSources } from "./sources.ts"

/** As whom a registry is asked. */
export type CredentialsFor = (domain: string) => Credentials | undefined

/** Layers of pulled images that are not kept beside their unpacked form, and come again when they are wanted. */
export class SpareLayers {
  readonly #content: ContentStore
  readonly #registries: Registries
  readonly #fetcher: BlobFetcher

  constructor(parts: {
    readonly content: ContentStore
    readonly registries: Registries
    readonly fetcher: BlobFetcher
  }) {
    this.#content = parts.content
    this.#registries = parts.registries
    this.#fetcher = parts.fetcher
  }

  /** Lets layers go that are unpacked and came from a registry. */
  async release(scope: Scope, layers: readonly Descriptor[]): Promise<void> {
    for (const { digest } of layers) {
      await this.#content.label(scope, digest, { [spareLabel]: "unpacked" }).catch((error: unknown) => {
        if (!isKind(error, "notFound")) throw error
      })
    }
  }

  /**
   * Brings every layer of `target` that is not here back, for the images of it that are.
   * @returns disposing lets them go again
   * @throws notFound
   */
  async restore(scope: Scope, target: Descriptor, credentials: CredentialsFor): Promise<AsyncDisposable> {
    const restored: Descriptor[] = []
    for (const manifest of await imagesOf(scope, this.#content, target)) {
      if (!(await this.#content.has(scope, manifest.digest))) continue
      const { content } = await readImage(scope, this.#content, manifest)
      for (const layer of content.layers) {
        const owners = [manifest.digest, target.digest]
        if (await this.restoreLayer(scope, layer, owners, credentials)) restored.push(layer)
      }
    }
    return { [Symbol.asyncDispose]: () => this.release({ ...scope, signal: undefined }, restored) }
  }

  /**
   * Brings a layer back; whoever asked lets it go again by {@link release}.
   * @param owners manifests that name it: they are known to have come from somewhere
   * @returns whether it had to be fetched
   * @throws notFound when nobody has it any more
   */
  async restoreLayer(
    scope: Scope,
    layer: Descriptor,
    owners: readonly Digest[],
    credentials: CredentialsFor,
  ): Promise<boolean> {
    if (await this.#content.has(scope, layer.digest)) return false
    let why = ""
    for (const owner of owners) {
      for (const { domain, path } of layerSources(await this.#content.info(scope, owner))) {
        try {
          const repository = await this.#registries.repository({ domain, path }, credentials(domain))
          await this.#fetcher.fetch(scope, repository, layer, () => {})
          return true
        } catch (error) {
          scope.signal?.throwIfAborted()
          why = `; ${domain}/${path} does not give it: ${messageOf(error)}`
        }
      }
    }
    throw new Failure(
      "notFound",
      `content ${layer.digest} of the image is not in the store; pull or load the image again${why}`,
    )
  }
}
