import type { ContainerSummary } from "../../api/container.ts"
import type { ImageSummary } from "../../api/image.ts"
import type { DiskUsageResponse, TypeUsage } from "../../api/system.ts"
import type { Volume } from "../../api/volume.ts"
import type { Scope } from "../../core/scope.ts"
import type { Int64 } from "../../std/json.ts"
import type { Containers } from "../containers/contract.ts"
import type { Container } from "../containers/record/container.ts"
import type { Images } from "../images/contract.ts"
import type { Volumes } from "../volumes/contract.ts"
import type { DiskUsageOptions, DiskUsageType } from "./contract.ts"

export interface DiskUsageSources {
  readonly containers: Containers
  readonly images: Images
  readonly volumes: Volumes & { size(name: string): Promise<number> }
  /** Bytes of all unpacked layers. */
  readonly layersSize: (scope: Scope) => Promise<number>
  /** Every container, running or not. */
  readonly known: () => readonly Container[]
}

/** `GET /system/df`: with `verbose` each usage has its items; without, the lists of versions before 1.53 stand beside the usages. */
export async function diskUsage(
  from: DiskUsageSources,
  scope: Scope,
  { types, verbose }: DiskUsageOptions,
): Promise<DiskUsageResponse> {
  const wants = (type: DiskUsageType) => types.length === 0 || types.includes(type)
  const LayersSize = wants("image") ? await from.layersSize(scope) : 0
  const Images = wants("image") ? await listImages(from.images, scope) : undefined
  const Containers = wants("container")
    ? await from.containers.list(scope, { all: true, limit: 0, size: true, filters: new Map() })
    : undefined
  const Volumes = wants("volume") ? await sizedVolumes(from, scope) : undefined
  const BuildCache = wants("build-cache") ? [] : undefined
  const usages = {
    ...(Images ? { ImageUsage: imageUsage(Images, LayersSize) } : {}),
    ...(Containers ? { ContainerUsage: containerUsage(Containers) } : {}),
    ...(Volumes ? { VolumeUsage: volumeUsage(Volumes) } : {}),
    ...(BuildCache ? { BuildCacheUsage: { ...nothing, Items: BuildCache } } : {}),
  }
  if (verbose) return usages
  return {
    ...Object.fromEntries(Object.entries(usages).map(([name, { Items: _, ...sums }]) => [name, sums])),
    LayersSize,
    ...(Images ? { Images } : {}),
    ...(Containers ? { Containers } : {}),
    ...(Volumes ? { Volumes } : {}),
    ...(BuildCache ? { BuildCache } : {}),
  }
}

const listImages = (images: Images, scope: Scope) =>
  images.list(scope, {
    all: true,
    filters: new Map(),
    sharedSize: true,
    digests: true,
    manifests: false,
  })

/** Volumes with what they take; what those with options hold lies elsewhere. */
async function sizedVolumes({ volumes, known }: DiskUsageSources, scope: Scope): Promise<Volume[]> {
  const users = new Map<string, number>()
  for (const { document } of known()) {
    const named = document.mounts.flatMap((mount) => (mount.type === "volume" ? [mount.source] : []))
    for (const name of new Set(named)) users.set(name, (users.get(name) ?? 0) + 1)
  }
  const listed: Volume[] = []
  for (const volume of (await volumes.list(scope, new Map())).Volumes) {
    if (volume.Options) continue
    const Size = await volumes.size(volume.Name)
    listed.push({ ...volume, UsageData: { RefCount: users.get(volume.Name) ?? 0, Size } })
  }
  return listed
}

const nothing = { ActiveCount: 0, TotalCount: 0, Reclaimable: 0, TotalSize: 0 }
const sum = (sizes: readonly (Int64 | undefined)[]): number =>
  sizes.reduce<number>((total, size) => total + Number(size ?? 0), 0)

function imageUsage(images: readonly ImageSummary[], layersSize: number): TypeUsage<ImageSummary> {
  const unused = images.filter(({ Containers }) => Containers === 0)
  return {
    ActiveCount: images.length - unused.length,
    TotalCount: images.length,
    Reclaimable: sum(unused.map(({ Size, SharedSize }) => Number(Size) - Number(SharedSize))),
    TotalSize: layersSize,
    Items: images,
  }
}

function containerUsage(containers: readonly ContainerSummary[]): TypeUsage<ContainerSummary> {
  const idle = containers.filter(({ State }) => !["running", "paused", "restarting"].includes(State))
  return {
    ActiveCount: containers.length - idle.length,
    TotalCount: containers.length,
    Reclaimable: sum(idle.map(({ SizeRw }) => SizeRw)),
    TotalSize: sum(containers.map(({ SizeRw }) => SizeRw)),
    Items: containers,
  }
}

function volumeUsage(volumes: readonly Volume[]): TypeUsage<Volume> {
  const measured = volumes.filter(({ UsageData }) => UsageData?.Size !== -1)
  const unused = measured.filter(({ UsageData }) => UsageData?.RefCount === 0)
  return {
    ActiveCount: volumes.length - unused.length,
    TotalCount: volumes.length,
    Reclaimable: sum(unused.map(({ UsageData }) => UsageData?.Size)),
    TotalSize: sum(measured.map(({ UsageData }) => UsageData?.Size)),
    Items: volumes,
  }
}
