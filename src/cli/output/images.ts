import type { ImageSummary } from "../../api/image.ts"
import { humanSize } from "../../std/byte-size.ts"
import { ago } from "../../std/duration.ts"
import { shortId } from "../../std/id.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings } from "./list.ts"
import { goTime } from "./local-time.ts"

export interface ImageListOptions {
  /** `table`, `table TEMPLATE`, `json`, `raw` or a template; the default is `table`. */
  readonly format?: string
  /** IDs only. */
  readonly quiet?: boolean
  readonly noTrunc?: boolean
  readonly digests?: boolean
}

export const imageHeadings: Headings = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  Containers: "CONTAINERS",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
}

/** The lines of `docker images`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatImages(list: readonly ImageSummary[], options: ImageListOptions = {}): string {
  const format = imageFormat(options)
  const withDigest =
    options.digests || format === "json" || format.includes("{{.Digest}}") || format.includes("{{json .}}")
  const rows = list.flatMap((image) => names(image, withDigest).map((name) => imageRow(image, name, !options.noTrunc)))
  return formatList(format, imageHeadings, rows)
}

function imageFormat({ format = "table", quiet, digests }: ImageListOptions): string {
  const ofDigest = digests ? "\t{{.Digest}}" : ""
  if (format === "" || format === "table")
    return quiet ? "{{.ID}}" : `table {{.Repository}}\t{{.Tag}}${ofDigest}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`
  if (format !== "raw") return format
  if (quiet) return "image_id: {{.ID}}"
  const digest = digests ? "digest: {{.Digest}}\n" : ""
  return `repository: {{.Repository}}\ntag: {{.Tag}}\n${digest}image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`
}

export interface ImageName {
  readonly repository: string
  readonly tag: string
  readonly digest: string
}

const missing = "<none>"

/** Every name of an image is a row; with digests every pair of tag and digest. */
function names(image: ImageSummary, withDigest: boolean): readonly ImageName[] {
  const split = (list: readonly string[] | null | undefined, mark: string) => {
    const byRepository = new Map<string, string[]>()
    for (const name of list ?? []) {
      const at = name.lastIndexOf(mark)
      if (at < 0) continue
      const repository = name.slice(0, at)
      byRepository.set(repository, [...(byRepository.get(repository) ?? []), name.slice(at + 1)])
    }
    return byRepository
  }
  const tags = split(image.RepoTags, ":")
  const digests = split(image.RepoDigests, "@")
  const nameless = { repository: missing, tag: missing, digest: missing }
  if ([...tags.keys(), ...digests.keys()].every((name) => name === missing)) return [nameless]
  const rows: ImageName[] = []
  for (const repository of new Set([...tags.keys(), ...digests.keys()])) {
    const known = digests.get(repository) ?? [missing]
    for (const tag of tags.get(repository) ?? [missing])
      for (const digest of withDigest ? known : [missing]) rows.push({ repository, tag, digest })
  }
  return rows
}

const orUnknown = (value: number | bigint | undefined, shown: (value: number | bigint) => string) =>
  value === undefined || value < 0 ? "N/A" : shown(value)

/** One image of a list, under one of its names. */
export function imageRow(image: ImageSummary, name: ImageName, truncates: boolean): Subject {
  const shared = image.SharedSize
  return new Subject("*formatter.imageContext", {
    ID: () => (truncates ? shortId(image.Id) : image.Id),
    Repository: () => name.repository,
    Tag: () => name.tag,
    Digest: () => name.digest,
    CreatedSince: () => (image.Created > 0 ? ago(image.Created) : "N/A"),
    CreatedAt: () => goTime(image.Created),
    Size: () => humanSize(image.Size, 3),
    Containers: () => orUnknown(image.Containers, String),
    SharedSize: () => orUnknown(shared, humanSize),
    UniqueSize: () => orUnknown(shared, (known) => humanSize(Number(image.Size) - Number(known))),
  })
}
