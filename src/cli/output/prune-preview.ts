import type { DiskUsageLists } from "../../client/system.ts"
import { humanSize } from "../../std/byte-size.ts"
import type { Int64 } from "../../std/json.ts"
import { alignColumns } from "./table.ts"

interface Scope {
  /** Every image that no container uses, not only those without a name. */
  readonly all: boolean
  /** Anonymous volumes too. */
  readonly volumes: boolean
}

const sum = (sizes: readonly (Int64 | undefined)[]) =>
  sizes.reduce<number>((total, size) => total + Math.max(0, Number(size ?? 0)), 0)

/** What `system prune` would remove now, without regard to filters: a paragraph of numbers and sizes. */
export function prunePreview(usage: DiskUsageLists, { all, volumes }: Scope): string {
  const containers = usage.Containers.filter(({ State }) => !/running|paused|restarting/.test(State))
  const images = usage.Images.filter(
    ({ RepoTags, Containers }) => Containers <= 0 && (all || (RepoTags ?? []).every((tag) => tag === "<none>:<none>")),
  )
  const anonymous = usage.Volumes.filter(
    ({ Labels, UsageData }) => UsageData?.RefCount === 0 && Labels && "com.docker.volume.anonymous" in Labels,
  )
  const cache = usage.BuildCache.filter(({ InUse, Shared }) => !InUse && !Shared)
  const rows = [
    { what: "stopped containers", count: containers.length, size: sum(containers.map(({ SizeRw }) => SizeRw)) },
    {
      what: all ? "unused images" : "dangling images",
      count: images.length,
      size: sum(images.map(({ Size, SharedSize }) => Number(Size) - Math.max(0, Number(SharedSize)))),
    },
    ...(volumes
      ? [
          {
            what: "anonymous volumes",
            count: anonymous.length,
            size: sum(anonymous.map(({ UsageData }) => UsageData?.Size)),
          },
        ]
      : []),
    { what: "build cache records", count: cache.length, size: sum(cache.map(({ Size }) => Size)) },
  ]
  const total = sum(rows.map(({ size }) => size))
  const lines = rows.map(({ what, count, size }) => `  ${count}\t${what}\t${humanSize(size)}\n`).join("")
  return `It would free about ${humanSize(total)} now:\n${alignColumns(lines)}`
}
