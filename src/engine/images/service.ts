import type { Filters } from "../../api/filters.ts"
import type {
  AttestationStatement,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ImagesPruneResponse,
  JsonMessage,
} from "../../api/image.ts"
import { nameImage } from "../../core/images/name-image.ts"
import type { Scope } from "../../core/scope.ts"
import type { Transfer } from "../../core/transfer/contract.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import { parsePlatform } from "../../oci/platform.ts"
import { familiar, formatReference, parseReference } from "../../oci/reference.ts"
import { imageAttestations } from "./attestations.ts"
import { bootstrapImage } from "./bootstrap.ts"
import { ImageCatalog } from "./catalog.ts"
import { type ImageContext, publishImage } from "./context.ts"
import type {
  AttestationOptions,
  CopyOptions,
  ImageListOptions,
  ImageRemoveOptions,
  Images,
  ImportOptions,
  PullOptions,
  PushOptions,
} from "./contract.ts"
import { copyBetweenRegistries } from "./copy.ts"
import type { ContainerImage, ContainerImages } from "./for-containers.ts"
import { imageHistory, inspectImage } from "./inspect.ts"
import { layersSize, listImages } from "./list.ts"
import { commitImage, importImage } from "./make.ts"
import { messagesFrom } from "./messages.ts"
import { newName, referenceOf, sameRepository, tryReference } from "./names.ts"
import { resolveFor } from "./platform.ts"
import { dockerProgress, loadWords } from "./progress.ts"
import { pullImages } from "./pull.ts"
import { pushImages } from "./push.ts"
import { pruneImages, removeImage } from "./remove.ts"

/** Docker's images over core's stores: for the API, and for the containers made of them. */
export class EngineImages implements Images, ContainerImages {
  readonly #context: ImageContext

  constructor(collaborators: Omit<ImageContext, "catalog">) {
    this.#context = { ...collaborators, catalog: new ImageCatalog(collaborators) }
  }

  list(scope: Scope, options: ImageListOptions): Promise<readonly ImageSummary[]> {
    return listImages(this.#context, scope, options)
  }

  inspect(
    scope: Scope,
    ref: string,
    options: { readonly manifests: boolean; readonly platform?: string },
  ): Promise<ImageInspect> {
    return inspectImage(this.#context, scope, ref, options)
  }

  attestations(scope: Scope, ref: string, options: AttestationOptions): Promise<readonly AttestationStatement[]> {
    return imageAttestations(this.#context, scope, ref, options)
  }

  history(scope: Scope, ref: string, options: { readonly platform?: string }): Promise<readonly ImageHistoryItem[]> {
    return imageHistory(this.#context, scope, ref, options)
  }

  async tag(scope: Scope, ref: string, options: { readonly repository: string; readonly tag?: string }): Promise<void> {
    const { catalog, images } = this.#context
    const name = newName(options.repository, options.tag)
    const { target, image } = await catalog.find(scope, ref)
    await nameImage(scope, images, formatReference(name), target)
    publishImage(this.#context, "tag", image, familiar(name))
  }

  remove(scope: Scope, ref: string, options: ImageRemoveOptions): Promise<readonly ImageDeleteItem[]> {
    return removeImage(this.#context, scope, ref, options)
  }

  prune(scope: Scope, filters: Filters): Promise<ImagesPruneResponse> {
    return pruneImages(this.#context, scope, filters)
  }

  /** Bytes of all unpacked layers, each counted once. */
  layersSize(scope: Scope): Promise<number> {
    return layersSize(this.#context, scope)
  }

  load(
    scope: Scope,
    archive: AsyncIterable<Uint8Array>,
    options: { readonly quiet: boolean; readonly platforms: readonly string[] },
  ): AsyncIterable<JsonMessage> {
    const platforms = options.platforms.map((text) => parsePlatform(text))
    return messagesFrom(async (tell) => {
      const { transfer, catalog } = this.#context
      const loaded = await transfer.load(scope, archive, {
        platforms,
        ...(options.quiet ? {} : { progress: dockerProgress(loadWords, tell) }),
      })
      // All at once: one look at the catalog for each would take time that grows with the square of their number.
      const known = new Map((await catalog.all(scope)).map((image) => [image.id, image]))
      for (const { name, id } of loaded) {
        const text = name === undefined ? `Loaded image ID: ${id}` : `Loaded image: ${familiar(parseReference(name))}`
        tell({ stream: `${text}\n` })
        const image = known.get(id)
        if (image) publishImage(this.#context, "load", image, id)
      }
    })
  }

  async save(
    scope: Scope,
    refs: readonly string[],
    options: { readonly platforms: readonly string[] },
  ): Promise<AsyncIterable<Uint8Array>> {
    const platforms = options.platforms.map((text) => parsePlatform(text))
    const { catalog, transfer, images } = this.#context
    const wanted: Parameters<typeof transfer.save>[1][number][] = []
    for (const ref of refs) {
      const reference = tryReference(ref)
      // What is named by its digest or ID is saved without a name.
      const bare = reference && !reference.tag && !reference.digest ? reference : undefined
      // A name without a tag means every tag it has.
      const rows = bare
        ? (await images.list(scope)).filter((row) => {
            const own = referenceOf(row)
            return own?.tag && sameRepository(own, bare)
          })
        : []
      for (const row of rows) wanted.push({ target: row.target, names: [row.name] })
      if (rows.length === 0) {
        const found = await catalog.locate(scope, ref).catch((error) => {
          if (!isKind(error, "notFound")) throw error
          throw new Failure("notFound", bare ? `No such image: ${ref}` : "reference does not exist", error)
        })
        const named = reference?.digest ? [] : found.rows.map((row) => row.name)
        wanted.push({ target: found.target, names: named })
      }
    }
    for (const { target } of wanted) {
      for (const platform of platforms.length > 0 ? platforms : [undefined])
        await transfer.resolve(scope, target, platform)
      const image = (await catalog.all(scope)).find((each) =>
        each.rows.some((row) => row.target.digest === target.digest),
      )
      if (image) publishImage(this.#context, "save", image, image.id)
    }
    return this.#saved(scope, wanted, { platforms })
  }

  /** An archive whose layers are here while it is written, also those that are not kept. */
  async *#saved(
    scope: Scope,
    wanted: Parameters<Transfer["save"]>[1],
    options: Parameters<Transfer["save"]>[2],
  ): AsyncGenerator<Uint8Array> {
    const { transfer, remote, collector } = this.#context
    await using held = new AsyncDisposableStack()
    if (!remote.keepsLayers) held.defer(() => collector.schedule())
    for (const { target } of wanted) held.use(await remote.restore(scope, target))
    yield* transfer.save(scope, wanted, options)
  }

  importTree(scope: Scope, tar: AsyncIterable<Uint8Array>, options: ImportOptions): AsyncIterable<JsonMessage> {
    return messagesFrom(async (tell) => {
      let source = tar
      if (options.source !== "-") {
        const url = sourceAddress(options.source)
        source = await this.#context.download(url, scope.signal)
        tell({ status: `Downloading from ${url}` })
      }
      const message = options.message ?? `Imported from ${options.source}`
      tell({ status: await importImage(this.#context, scope, source, { ...options, message }) })
    })
  }

  pull(scope: Scope, options: PullOptions): AsyncIterable<JsonMessage> {
    return messagesFrom((tell) => pullImages(this.#context, scope, options, tell))
  }

  push(scope: Scope, options: PushOptions): AsyncIterable<JsonMessage> {
    return messagesFrom((tell) => pushImages(this.#context, scope, options, tell))
  }

  copy(scope: Scope, options: CopyOptions): AsyncIterable<JsonMessage> {
    return messagesFrom((tell) => copyBetweenRegistries(this.#context, scope, options, tell))
  }

  bootstrap(scope: Scope, name: string): AsyncIterable<JsonMessage> {
    return messagesFrom(async (tell) => {
      const { id } = await bootstrapImage(scope, this.#context, name, tell)
      const image = await this.#context.catalog.byId(scope, id)
      if (image) publishImage(this.#context, "import", image, id)
    })
  }

  async forContainer(scope: Scope, ref: string, platform?: string): Promise<ContainerImage> {
    const { catalog, transfer } = this.#context
    const { target, rows } = await catalog.locate(scope, ref)
    const resolved = platform
      ? await resolveFor(this.#context, scope, target, ref, parsePlatform(platform))
      : ((await catalog.resolved(scope, target)) ?? (await transfer.resolve(scope, target)))
    await transfer.unpack(scope, resolved)
    return { resolved, ...(rows[0] ? { name: rows[0].name } : {}) }
  }

  commit(
    scope: Scope,
    options: Parameters<ContainerImages["commit"]>[1],
  ): Promise<{ readonly id: string; readonly reference?: string }> {
    return commitImage(this.#context, scope, options)
  }

  async display(scope: Scope, imageId: string, asCreated: string): Promise<string> {
    if (asCreated === imageId || imageId === "") return asCreated
    if (/^(?:sha256:)?[0-9a-f]+$/.test(asCreated) && imageId.includes(asCreated)) return asCreated
    return (await this.#context.catalog.idOf(scope, asCreated)) === imageId ? asCreated : imageId
  }
}

/** Where an import comes from; without a scheme over HTTP. @throws invalidArgument, internal in Docker's words */
function sourceAddress(source: string): URL {
  const text = /^https?:\/\//.test(source) ? source : `http://${source}`
  // Docker calls this a fault of its own.
  if (/^https?:\/\/(\/|$)/.test(text)) throw new Failure("internal", `Get "${text}": http: no Host in request URL`)
  try {
    return new URL(text)
  } catch (error) {
    throw new Failure("invalidArgument", `parse ${JSON.stringify(text)}: invalid URL`, error)
  }
}
