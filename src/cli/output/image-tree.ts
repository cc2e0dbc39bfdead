import type { ImageSummary } from "../../api/image.ts"
import { humanSize } from "../../std/byte-size.ts"
import { shortId } from "../../std/id.ts"
import { ellipsis, textWidth } from "./text-width.ts"

/** Where the tree is drawn. */
export interface TreeScreen {
  /** Whether marks and names may be coloured. */
  readonly hasColours: boolean
  /** Columns; undefined when it is no terminal, and lines may be of any length. */
  readonly columns: number | undefined
}

interface Details {
  readonly id: string
  readonly diskUsage: string
  readonly contentSize: string
  readonly used: boolean
}

interface Variant extends Details {
  readonly platform: string
  readonly available: boolean
}

interface Image extends Details {
  readonly names: readonly string[]
  readonly variants: readonly Variant[]
}

type Paint = (text: string) => string

interface Column {
  readonly title: string
  readonly width: number
  readonly right?: true
  readonly plain?: true
  readonly value?: (details: Details) => string
}

const colours = /\u001b\[[\d;]*m/g
const visibleWidth = (text: string) => textWidth(text.replace(colours, ""))

const spacing = "   "
/** A name column narrower than this pushes the last columns out. */
const narrowestName = 12

const style =
  (codes: string): Paint =>
  (text) =>
    `\u001b[${codes.replaceAll(";", "m\u001b[")}m${text}\u001b[0m`
const none: Paint = (text) => text
const bold = style("39;1")

/**
 * The text of `docker image ls`: each name of an image with what it takes on disk. Expanded (`--tree`) each image stands once, with all its names
 * and the platforms that it is there for.
 */
export function imageTree(
  images: readonly ImageSummary[],
  screen: TreeScreen & { readonly expanded: boolean },
): string {
  const { hasColours, expanded } = screen
  const view = images
    .map(imageOf)
    .flatMap((image) => (expanded ? [image] : rowsOf(image)))
    .sort(byName)
  const width = screen.columns === undefined ? undefined : Math.max(screen.columns, 20)
  const columns = fitted(columnsOf(view, hasColours), width, view)
  const paint = (painter: Paint) => (hasColours ? painter : none)
  const spaced = view.some(({ variants }) => variants.length > 0)
  const header = columns.map((column) => cell(column, column.title.toUpperCase(), paint(bold))).join(spacing)
  const lines = [...(width === undefined ? [] : [legend(width, hasColours)]), header]
  for (const image of view) {
    const details = detailCells(columns, image, paint(style("39")))
    const named = nameLines(image, columns[0]!, paint)
    lines.push(...named.slice(0, -1), named.at(-1)! + details)
    for (const [at, variant] of image.variants.entries()) {
      const painter = paint(style(variant.available ? "39" : "39;2"))
      const branch = at === image.variants.length - 1 ? "└─ " : "├─ "
      lines.push(cell(columns[0]!, branch + variant.platform, painter) + detailCells(columns, variant, painter))
    }
    if (spaced) lines.push("")
  }
  return lines.map((line) => `${line}\n`).join("")
}

/** Each name on a row of its own, and no platforms. */
const rowsOf = (image: Image): readonly Image[] =>
  image.names.length === 0
    ? [{ ...image, variants: [] }]
    : image.names.map((name) => ({ ...image, names: [name], variants: [] }))

/** Images without a name come last. */
function byName({ names: [one = ""] }: Image, { names: [other = ""] }: Image): number {
  if ((one === "") !== (other === "")) return one === "" ? 1 : -1
  return one < other ? -1 : one > other ? 1 : 0
}

function imageOf(image: ImageSummary): Image {
  const manifests = image.Manifests ?? []
  const variants = manifests
    .filter(({ Kind }) => Kind === "image")
    .map(({ ID, Available, Size, ImageData }) => ({
      platform: platformOf(ImageData?.Platform),
      available: Available,
      id: ID,
      diskUsage: humanSize(Size.Total, 3),
      contentSize: humanSize(Size.Content, 3),
      used: (ImageData?.Containers ?? []).length > 0,
    }))
  return {
    names: [...(image.RepoTags ?? [])].sort(),
    id: image.Id,
    diskUsage: humanSize(image.Size, 3),
    contentSize: humanSize(
      manifests.reduce((sum, { Size }) => sum + Number(Size.Content), 0),
      3,
    ),
    used: image.Containers > 0 || variants.some(({ used }) => used),
    variants,
  }
}

const platformOf = (platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }) =>
  platform ? [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join("/") : ""

const chip = (hasColours: boolean) => (hasColours ? "\u001b[38;5;0m\u001b[48;5;14m U \u001b[0m" : "U")

function columnsOf(view: readonly Image[], hasColours: boolean): readonly Column[] {
  const marked = view.some((image) => image.used || image.variants.some(({ used }) => used))
  const mark = ({ used }: Details) => (used ? chip(hasColours) : hasColours ? "   " : " ")
  return [
    { title: "Image", width: 0 },
    { title: "ID", width: 12, value: ({ id }) => shortId(id) },
    { title: "Disk usage", width: 10, right: true, value: ({ diskUsage }) => diskUsage },
    { title: "Content size", width: 12, right: true, value: ({ contentSize }) => contentSize },
    { title: "Extra", width: 5, plain: true, value: (details) => (marked ? mark(details) : "") },
  ]
}

/** Gives the names what the other columns leave, and drops the last ones where that is too little. */
function fitted(columns: readonly Column[], width: number | undefined, view: readonly Image[]): readonly Column[] {
  let left = width ?? Number.POSITIVE_INFINITY
  let kept = columns.length
  for (const [at, column] of columns.entries()) {
    if (at === 0) continue
    const taken = column.width + spacing.length
    if (left - taken < narrowestName) {
      kept = at
      break
    }
    left -= taken
  }
  const widest = Math.max(
    "Image".length,
    ...view.flatMap(({ names, variants }) => [
      ...(names.length > 0 ? names : [untagged]).map((name) => name.length),
      // Bytes count here, as they do for docker: a branch is three characters of seven bytes.
      ...variants.map(({ platform }) => platform.length + Buffer.byteLength("└─ ")),
    ]),
  )
  const [first, ...rest] = columns.slice(0, kept)
  return [{ ...first!, width: Math.min(left, widest) }, ...rest]
}

function cell({ width, right }: Column, text: string, paint: Paint): string {
  const length = visibleWidth(text)
  if (length > width) return paint(ellipsis(text, width))
  const fill = " ".repeat(width - length)
  return right ? fill + paint(text) : paint(text) + fill
}

const detailCells = (columns: readonly Column[], details: Details, paint: Paint) =>
  columns
    .filter(({ value }) => value)
    .map((column) => spacing + cell(column, column.value!(details), column.plain ? none : paint))
    .join("")

const untagged = "<untagged>"

/** The details stand beside the last line: that of the last name, or one below it where the name is too long. */
function nameLines({ names }: Image, column: Column, paint: (painter: Paint) => Paint): readonly string[] {
  if (names.length === 0) return [cell(column, untagged, paint(style("39;2")))]
  const painter = paint(style("34;1"))
  return names.flatMap((name, at) => {
    if (textWidth(name) <= column.width) return [cell(column, name, painter)]
    return at === names.length - 1 ? [painter(name), " ".repeat(column.width)] : [painter(name)]
  })
}

function legend(width: number, hasColours: boolean): string {
  const info = hasColours
    ? "\u001b[1m\u001b[106m\u001b[30mi\u001b[0m\u001b[0m \u001b[96mInfo → \u001b[0m\u001b[0m"
    : " Info -> "
  const text = `${info} ${chip(hasColours)} In Use`
  return " ".repeat(Math.max(0, width - visibleWidth(text))) + text
}
