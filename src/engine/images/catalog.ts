import type { ContentStore } from "../../core/content/contract.ts"
import type { Image, ImageStore } from "../../core/images/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { ResolvedImage, Transfer } from "../../core/transfer/contract.ts"
import { parentOf } from "../../core/transfer/parents.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import { type Descriptor, isIndex } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { Index } from "../../oci/image.ts"
import { familiar, formatReference, parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts"
import { Turns } from "../../std/turns.ts"
import { WeighedMap } from "../../std/weighed-map.ts"
import { referenceOf, sameRepository, tryReference } from "./names.ts"

/** One image as Docker sees it, with everything that names it. */
export interface CatalogImage {
  /** The configuration's digest; the target's when nothing of the image can be read. */
  readonly id: Digest
  /** At least one; a nameless image has the row of its digest. */
  readonly rows: readonly Image[]
  /** For the host's platform, or the first that is there. */
  readonly resolved?: ResolvedImage
  readonly parent?: string
}

/** What a reference led to. */
export interface Found {
  readonly target: Descriptor
  /** The rows that the reference names; empty when it is an ID. */
  readonly rows: readonly Image[]
}

interface Resolution {
  readonly resolved: ResolvedImage
  readonly parent?: string
}

/** Blobs never change, so resolutions are kept: of documents of this many bytes. Every list asks for all of them. */
const keptBytes = 32 << 20

/** Finds images by what people write, and groups names by image. */
export class ImageCatalog {
  readonly #images: ImageStore
  readonly #content: ContentStore
  readonly #transfer: Pick<Transfer, "resolve">
  readonly #resolutions = new WeighedMap<string, Resolution>(keptBytes)

  constructor(parts: { images: ImageStore; content: ContentStore; transfer: Pick<Transfer, "resolve"> }) {
    this.#images = parts.images
    this.#content = parts.content
    this.#transfer = parts.transfer
  }

  /** Every image with all its names. */
  async all(scope: Scope): Promise<readonly CatalogImage[]> {
    const groups = new Map<Digest, { rows: Image[]; resolution: Resolution | undefined }>()
    const turns = new Turns()
    for (const row of await this.#images.list(scope)) {
      const resolution = await this.#resolution(scope, row.target)
      const id = resolution?.resolved.id ?? row.target.digest
      const group = groups.get(id)
      if (group) group.rows.push(row)
      else groups.set(id, { rows: [row], resolution })
      await turns.pass()
    }
    return [...groups].map(([id, { rows, resolution }]) => ({ id, rows, ...resolution }))
  }

  /**
   * Looks up a name, then an ID, then a unique ID prefix.
   * @throws notFound (`No such image: x:latest`) · invalidArgument
   */
  async locate(scope: Scope, ref: string): Promise<Found> {
    const hex = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(ref)?.[1]
    const reference = hex?.length === 64 ? undefined : tryReference(ref)
    if (reference) {
      const rows = await this.#named(scope, reference)
      if (rows.length > 0) return { target: rows[0]!.target, rows }
    }
    if (hex) {
      const matches = (await this.all(scope)).filter(
        (image) =>
          image.id.startsWith(`sha256:${hex}`) || image.rows.some((row) => row.target.digest === `sha256:${hex}`),
      )
      if (matches.length > 1) {
        throw new Failure("invalidArgument", `ambiguous reference: ${ref} is the beginning of several image IDs`)
      }
      if (matches[0]) return { target: matches[0].rows[0]!.target, rows: [] }
    }
    if (!reference && !hex) parseReference(ref)
    throw new Failure("notFound", `No such image: ${reference ? familiar(withDefaultTag(reference)) : ref}`)
  }

  /** As {@link locate}, with all names of the image. */
  async find(scope: Scope, ref: string): Promise<Found & { readonly image: CatalogImage }> {
    const found = await this.locate(scope, ref)
    const image = (await this.all(scope)).find((each) =>
      each.rows.some((row) => row.target.digest === found.target.digest),
    )
    if (!image) throw new Failure("notFound", `No such image: ${ref}`)
    return { ...found, image }
  }

  /** The image with exactly this ID. */
  async byId(scope: Scope, id: string): Promise<CatalogImage | undefined> {
    return (await this.all(scope)).find((image) => image.id === id)
  }

  /** The image of `target` for the host's platform, or else for the first that is there. */
  async resolved(scope: Scope, target: Descriptor): Promise<ResolvedImage | undefined> {
    return (await this.#resolution(scope, target))?.resolved
  }

  /** More of `target` has come: what is resolved best may be another now. */
  forget(scope: Scope, target: Descriptor): void {
    this.#resolutions.delete(`${scope.namespace}/${target.digest}`)
  }

  /** The ID of what `name`, as a user wrote it, is now; undefined when it is nothing. */
  async idOf(scope: Scope, name: string): Promise<Digest | undefined> {
    const reference = tryReference(name)
    const row = reference && (await this.#named(scope, reference))[0]
    return row && (await this.#resolution(scope, row.target))?.resolved.id
  }

  async #named(scope: Scope, reference: Reference): Promise<readonly Image[]> {
    const exact = await this.#images.find(scope, formatReference(withDefaultTag(reference)))
    if (exact) return [exact]
    if (!reference.digest) return []
    return (await this.#images.list(scope)).filter((row) => {
      const own = referenceOf(row)
      return own !== undefined && sameRepository(own, reference) && row.target.digest === reference.digest
    })
  }

  async #resolution(scope: Scope, target: Descriptor): Promise<Resolution | undefined> {
    const key = `${scope.namespace}/${target.digest}`
    const known = this.#resolutions.get(key)
    if (known) return known
    const resolved = await this.#resolve(scope, target)
    if (!resolved) return undefined
    const parent = await parentOf(scope, this.#content, resolved.id)
    const resolution = { resolved, ...(parent ? { parent } : {}) }
    this.#resolutions.set(key, resolution, resolved.manifest.size + resolved.configDescriptor.size)
    return resolution
  }

  /** For the host, or else whatever is there: an image for another machine is still listed and removed. */
  async #resolve(scope: Scope, target: Descriptor): Promise<ResolvedImage | undefined> {
    const found = await this.#attempt(() => this.#transfer.resolve(scope, target))
    if (found || !isIndex(target.mediaType)) return found
    const bytes = await this.#attempt(() => this.#content.readAll(scope, target.digest))
    if (!bytes) return undefined
    for (const { platform } of (JSON.parse(Buffer.from(bytes).toString("utf8")) as Index).manifests) {
      if (!platform || platform.os === "unknown") continue
      const other = await this.#attempt(() => this.#transfer.resolve(scope, target, platform))
      if (other) return other
    }
    return undefined
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (isKind(error, "notFound") || isKind(error, "invalidArgument")) return undefined
      throw error
    }
  }
}
