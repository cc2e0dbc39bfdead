import type { ContentStore } from "../../core/content/contract.ts"
import type { GarbageCollector } from "../../core/gc/contract.ts"
import type { Image, ImageStore } from "../../core/images/contract.ts"
import type { LeaseStore } from "../../core/leases/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { Snapshotter } from "../../core/snapshots/contract.ts"
import type { RemoteImages, Transfer } from "../../core/transfer/contract.ts"
import { familiar, familiarName, type Reference } from "../../oci/reference.ts"
import type { Events } from "../events/contract.ts"
import type { CatalogImage, ImageCatalog } from "./catalog.ts"
import { referenceOf } from "./names.ts"

/** What the verbs of this folder work with. */
export interface ImageContext {
  readonly images: ImageStore
  readonly content: ContentStore
  readonly snapshots: Snapshotter
  readonly leases: LeaseStore
  readonly transfer: Transfer
  readonly remote: RemoteImages
  readonly collector: GarbageCollector
  readonly events: Events
  /** The bytes at an address. @throws unavailable */
  readonly download: (url: URL, signal?: AbortSignal) => Promise<AsyncIterable<Uint8Array>>
  readonly catalog: ImageCatalog
  /** Containers, running or not, that were made of the image with this ID. */
  readonly usedBy: (imageId: string) => readonly ImageUser[]
}

export interface ImageUser {
  readonly id: string
  readonly running: boolean
}

/** The names of an image that carry a tag, as references. */
export const tagsOf = (image: CatalogImage): readonly (Reference & { readonly row: Image })[] =>
  image.rows.flatMap((row) => {
    const reference = referenceOf(row)
    return reference?.tag ? [{ ...reference, row }] : []
  })

/** `busybox:latest`, … in order. */
export const repoTags = (image: CatalogImage): string[] => tagsOf(image).map(familiar).sort()

/** `busybox@sha256:…`: each repository that has the image in its registry, with the digest that it is known by there. */
export async function repoDigests(
  { remote }: Pick<ImageContext, "remote">,
  scope: Scope,
  rows: readonly Image[],
): Promise<string[]> {
  const found = new Set<string>()
  for (const row of rows) {
    const reference = referenceOf(row)
    if (!reference) continue
    if (reference.digest || (await remote.isAt(scope, reference, row.target.digest))) {
      found.add(`${familiarName(reference)}@${row.target.digest}`)
    }
  }
  return [...found]
}

/** Tells what happened to an image in Docker's form: its labels and its name. */
export function publishImage(context: Pick<ImageContext, "events">, action: string, image: CatalogImage, name: string) {
  context.events.publish({
    Type: "image",
    Action: action,
    Actor: { ID: image.id, Attributes: { ...image.resolved?.config.config?.Labels, name } },
  })
}
