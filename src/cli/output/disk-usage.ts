import type { BuildCacheRecord } from "../../api/system.ts"
import type { DiskUsageLists } from "../../client/system.ts"
import { humanSize } from "../../std/byte-size.ts"
import { parseNanos } from "../../std/clock.ts"
import { ago } from "../../std/duration.ts"
import type { Int64 } from "../../std/json.ts"
import { Struct, Subject, type Value } from "../../std/template/value.ts"
import { containerHeadings, containerRow } from "./containers.ts"
import { imageHeadings, imageRow } from "./images.ts"
import { formatList, type Headings } from "./list.ts"
import { volumeHeadings, volumeRow } from "./volumes.ts"

const headings: Headings = {
  Type: "TYPE",
  TotalCount: "TOTAL",
  Active: "ACTIVE",
  Size: "SIZE",
  Reclaimable: "RECLAIMABLE",
}

const table = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"
const raw =
  "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n"

const sum = (values: readonly (Int64 | undefined)[]): number =>
  values.reduce<number>((total, value) => total + Number(value ?? 0), 0)

/** The lines of `docker system df`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatDiskUsage(usage: DiskUsageLists, format = "table"): string {
  const template = format === "" || format === "table" ? table : format === "raw" ? raw : format
  return formatList(template, headings, summaries(usage))
}

function summaries(usage: DiskUsageLists): readonly Subject[] {
  const images = usage.Images
  const containers = usage.Containers
  const volumes = usage.Volumes
  const records = usage.BuildCache
  const runs = (state: string) => /running|paused|restarting/.test(state.toLowerCase())
  const usedImages = sum(
    images
      .filter((image) => image.Containers !== 0 && Number(image.SharedSize) !== -1)
      .map((image) => Number(image.Size) - Number(image.SharedSize)),
  )
  const layers = Number(usage.LayersSize)
  const sized = volumes.filter((volume) => Number(volume.UsageData?.Size ?? -1) !== -1)
  const cached = sum(records.filter((record) => !record.Shared).map((record) => record.Size))
  return [
    summary("Images", "Images", images.length, images.filter((image) => image.Containers > 0).length, {
      size: layers,
      reclaimable: layers - usedImages,
    }),
    summary("Containers", "Containers", containers.length, containers.filter((each) => runs(each.State)).length, {
      size: sum(containers.map((each) => each.SizeRw)),
      reclaimable: sum(containers.filter((each) => !runs(each.State)).map((each) => each.SizeRw)),
    }),
    summary(
      "Local Volumes",
      "Volumes",
      volumes.length,
      volumes.filter((each) => (each.UsageData?.RefCount ?? 0) > 0).length,
      {
        size: sum(sized.map((volume) => volume.UsageData!.Size)),
        reclaimable: sum(
          sized.filter((volume) => volume.UsageData!.RefCount === 0).map((volume) => volume.UsageData!.Size),
        ),
      },
    ),
    summary("Build Cache", "Builder", records.length, records.filter((record) => record.InUse).length, {
      size: cached,
      reclaimable:
        cached - sum(records.filter((record) => record.InUse && !record.Shared).map((record) => record.Size)),
      withoutPercentage: true,
    }),
  ]
}

function summary(
  type: string,
  context: string,
  total: number,
  active: number,
  bytes: { readonly size: number; readonly reclaimable: number; readonly withoutPercentage?: boolean },
): Subject {
  return new Subject(`*formatter.diskUsage${context}Context`, {
    Type: () => type,
    TotalCount: () => String(total),
    Active: () => String(active),
    Size: () => humanSize(bytes.size),
    Reclaimable: () => {
      const size = humanSize(bytes.reclaimable)
      if (bytes.size <= 0 || bytes.withoutPercentage) return size
      return `${size} (${Math.trunc((bytes.reclaimable * 100) / bytes.size)}%)`
    },
  })
}

const cacheHeadings: Headings = {
  ID: "CACHE ID",
  Parent: "PARENT",
  CacheType: "CACHE TYPE",
  Size: "SIZE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  LastUsedSince: "LAST USED",
  LastUsedAt: "LAST USED AT",
  UsageCount: "USAGE",
  InUse: "IN USE",
  Shared: "SHARED",
  Description: "DESCRIPTION",
}

const since = (time: string | null) => {
  const nanos = time ? parseNanos(time) : undefined
  return nanos === undefined ? "" : ago(Number(nanos / 1_000_000n) / 1000)
}

const cacheRow = (record: BuildCacheRecord, truncates: boolean): Subject =>
  new Subject("*formatter.buildCacheContext", {
    ID: () => (truncates ? record.ID.slice(0, 12) : record.ID) + (record.InUse ? "*" : ""),
    Parent: () => (record.Parents ?? []).join(", "),
    CacheType: () => record.Type,
    Description: () => record.Description,
    Size: () => humanSize(record.Size, 3),
    CreatedAt: () => record.CreatedAt,
    CreatedSince: () => since(record.CreatedAt),
    LastUsedAt: () => record.LastUsedAt ?? "",
    LastUsedSince: () => since(record.LastUsedAt),
    UsageCount: () => String(record.UsageCount),
    InUse: () => String(record.InUse),
    Shared: () => String(record.Shared),
  })

interface Rows {
  readonly images: readonly Subject[]
  readonly containers: readonly Subject[]
  readonly volumes: readonly Subject[]
  readonly cache: readonly Subject[]
}

function detailRows(usage: DiskUsageLists, truncates: boolean): Rows {
  return {
    images: usage.Images.map((image) => {
      const name = image.RepoTags?.[0] ?? "<none>:<none>"
      const colon = name.lastIndexOf(":")
      return imageRow(image, { repository: name.slice(0, colon), tag: name.slice(colon + 1), digest: "" }, truncates)
    }),
    // The size that containers share with their images is counted with the images.
    containers: usage.Containers.map((each) => containerRow({ ...each, SizeRootFs: 0 }, truncates)),
    volumes: usage.Volumes.map(volumeRow),
    cache: [...usage.BuildCache]
      .sort((one, other) => ((one.LastUsedAt ?? "") < (other.LastUsedAt ?? "") ? -1 : 1))
      .map((record) => cacheRow(record, truncates)),
  }
}

/** The text of `docker system df -v`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatDiskUsageDetails(usage: DiskUsageLists, format = "table"): string {
  if (format !== "" && format !== "table") {
    const rows = detailRows(usage, false)
    const whole = new Map<string, Value>([
      ["Images", rows.images],
      ["Containers", rows.containers],
      ["Volumes", rows.volumes],
      ["BuildCache", rows.cache],
    ])
    return formatList(format, {}, [new Struct(whole)]).replace(/\n$/, "")
  }
  const rows = detailRows(usage, true)
  const columns = (...names: string[]) => `table ${names.map((name) => `{{.${name}}}`).join("\t")}`
  const cached = sum(usage.BuildCache.filter((record) => !record.Shared).map((record) => record.Size))
  const parts = [
    "Images space usage:\n\n",
    formatList(
      columns("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"),
      imageHeadings,
      rows.images,
    ),
    "\nContainers space usage:\n\n",
    formatList(
      columns("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"),
      containerHeadings,
      rows.containers,
    ),
    "\nLocal Volumes space usage:\n\n",
    formatList(columns("Name", "Links", "Size"), volumeHeadings, rows.volumes),
    `\nBuild cache usage: ${humanSize(cached)}\n\n`,
    formatList(
      columns("ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"),
      cacheHeadings,
      rows.cache,
    ),
  ]
  return parts.join("")
}
