import type { ImageHistoryItem, ImageInspect, ImageInspectConfig } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import type { ResolvedImage } from "../../core/transfer/contract.ts"
import { Failure } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { ImageRunConfig } from "../../oci/image.ts"
import { parsePlatform } from "../../oci/platform.ts"
import { formatNanos, parseNanos } from "../../std/clock.ts"
import { sortedByName } from "../../std/sorted.ts"
import type { CatalogImage } from "./catalog.ts"
import { type ImageContext, repoDigests, repoTags } from "./context.ts"
import { identityOf } from "./identity.ts"
import { manifestsOf } from "./manifests.ts"
import { resolveFor } from "./platform.ts"
import { LayerSizes } from "./sizes.ts"

/** The image that `ref` names for `platform`, with its names. @throws notFound when nothing of it can be read */
async function resolved(
  context: ImageContext,
  scope: Scope,
  ref: string,
  platform: string | undefined,
): Promise<{ readonly image: CatalogImage; readonly target: Descriptor; readonly resolved: ResolvedImage }> {
  const { image, target } = await context.catalog.find(scope, ref)
  if (platform)
    return { image, target, resolved: await resolveFor(context, scope, target, ref, parsePlatform(platform)) }
  if (!image.resolved) {
    throw new Failure("notFound", `No such image: ${ref}: its content is not complete; remove it and get it again`)
  }
  return { image, target, resolved: image.resolved }
}

/** `docker image inspect`. */
export async function inspectImage(
  context: ImageContext,
  scope: Scope,
  ref: string,
  options: { readonly manifests: boolean; readonly platform?: string },
): Promise<ImageInspect> {
  if (options.manifests && options.platform) {
    throw new Failure("invalidArgument", "conflicting options: manifests and platform options cannot both be set")
  }
  const { image, target, resolved: found } = await resolved(context, scope, ref, options.platform)
  const { config } = found
  const layers = await new LayerSizes(context, scope).of({ resolved: found })
  const identity = await identityOf(context, scope, target.digest)
  let tagged = 0n
  for (const row of image.rows) if (row.updatedAt > tagged) tagged = row.updatedAt
  return {
    Id: found.id,
    RepoTags: repoTags(image),
    RepoDigests: await repoDigests(context, scope, image.rows),
    ...filled("Parent", image.parent),
    ...(config.container ? { Container: config.container } : {}),
    ...(config.container_config ? { ContainerConfig: config.container_config } : {}),
    ...filled("Comment", config.history?.at(-1)?.comment),
    ...(config.created ? { Created: config.created } : {}),
    ...filled("DockerVersion", config.docker_version),
    ...filled("Author", config.author),
    Config: inspectConfig(config.config ?? {}),
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    ...(config["os.version"] ? { OsVersion: config["os.version"] } : {}),
    Size: layers.reduce((sum, layer) => sum + layer.size, 0),
    GraphDriver: { Name: context.snapshots.driver === "overlay" ? "overlay2" : "vfs", Data: null },
    RootFS: { Type: "layers", ...(layers.length > 0 ? { Layers: config.rootfs.diff_ids } : {}) },
    Metadata: { LastTagTime: formatNanos(tagged) },
    ...(options.manifests ? { Descriptor: target, Manifests: await manifestsOf(context, scope, image, target) } : {}),
    ...(identity ? { Identity: identity } : {}),
  }
}

/** The field, unless it has nothing to say. */
const filled = <Name extends string>(name: Name, text: string | undefined): Partial<Record<Name, string>> =>
  text ? ({ [name]: text } as Record<Name, string>) : {}

const mapsOfConfig: ReadonlySet<string> = new Set(["ExposedPorts", "Labels", "Volumes"])

function inspectConfig(config: ImageRunConfig): ImageInspectConfig {
  const given = Object.entries(config).filter(
    ([, value]) => value !== null && value !== "" && !(Array.isArray(value) && value.length === 0),
  )
  return Object.fromEntries(
    given.map(([key, value]) => [key, mapsOfConfig.has(key) ? sortedByName(value) : value]),
  ) as ImageInspectConfig
}

/** `docker history`, newest first. Only the image itself has an ID; layers are not images. */
export async function imageHistory(
  context: ImageContext,
  scope: Scope,
  ref: string,
  options: { readonly platform?: string },
): Promise<readonly ImageHistoryItem[]> {
  const { image, resolved: found } = await resolved(context, scope, ref, options.platform)
  const { config } = found
  const layers = [...(await new LayerSizes(context, scope).of({ resolved: found }))]
  const entries = config.history?.length ? config.history : layers.map(() => ({ created: config.created }))
  const items = entries.map((entry): ImageHistoryItem => {
    const empty = "empty_layer" in entry && entry.empty_layer === true
    return {
      Id: "<missing>",
      Created: Number((parseNanos(entry.created ?? "") ?? 0n) / 1_000_000_000n),
      CreatedBy: ("created_by" in entry && entry.created_by) || "",
      Tags: null,
      Size: empty ? 0 : (layers.shift()?.size ?? 0),
      Comment: ("comment" in entry && entry.comment) || "",
    }
  })
  items.reverse()
  if (items[0]) items[0] = { ...items[0], Id: found.id, Tags: repoTags(image).length > 0 ? repoTags(image) : null }
  return items
}
