import type { SpanRecord } from "./span.ts"

export interface WaterfallOptions {
  /** Width to stay within. */
  readonly columns: number
  readonly colours: boolean
}

const palette: Readonly<Record<string, number>> = {
  cli: 36,
  api: 34,
  engine: 32,
  core: 33,
  network: 35,
  shim: 31,
  runtime: 91,
}
/** An ID of a container or image, of which twelve digits tell enough: what stands behind it is worth more. */
const longId = /\b([0-9a-f]{12})[0-9a-f]{52}\b/g
const barWidth = 24
const nameWidth = 42

/**
 * Spans of one or more traces as lines: indented by who caused whom, in order of time, each with its layer, its length in
 * milliseconds, a bar on the common time line and what was done.
 */
export function waterfall(spans: readonly SpanRecord[], options: WaterfallOptions): string {
  if (spans.length === 0) return "no steps were recorded\n"
  const ids = new Set(spans.map((span) => span.spanId))
  const children = new Map<string, SpanRecord[]>()
  for (const span of spans) {
    const parent = span.parentId !== undefined && ids.has(span.parentId) ? span.parentId : ""
    const list = children.get(parent)
    if (list) list.push(span)
    else children.set(parent, [span])
  }
  for (const list of children.values()) list.sort((a, b) => (BigInt(a.start) < BigInt(b.start) ? -1 : 1))
  const begin = spans.reduce(
    (least, span) => (BigInt(span.start) < least ? BigInt(span.start) : least),
    BigInt(spans[0]!.start),
  )
  const end = spans.reduce((most, span) => (BigInt(span.end) > most ? BigInt(span.end) : most), BigInt(spans[0]!.end))
  const total = Number(end - begin) || 1
  const paint = (code: number, text: string) => (options.colours ? `\u001b[${code}m${text}\u001b[0m` : text)
  const lines: string[] = [
    paint(
      1,
      `${"layer".padEnd(8)} ${"step".padEnd(nameWidth)} ${"ms".padStart(9)}  ${`0 … ${(total / 1e6).toFixed(1)} ms`.padEnd(barWidth)}`,
    ),
  ]
  const walk = (parent: string, depth: number) => {
    for (const span of children.get(parent) ?? []) {
      const from = Number(BigInt(span.start) - begin)
      const length = Number(BigInt(span.end) - BigInt(span.start))
      const left = Math.min(barWidth - 1, Math.floor((from / total) * barWidth))
      const wide = Math.max(1, Math.min(barWidth - left, Math.round((length / total) * barWidth)))
      const bar = `${" ".repeat(left)}${"█".repeat(wide)}`.padEnd(barWidth)
      const code = palette[span.layer] ?? 37
      const name = fit(`${"  ".repeat(depth)}${span.name.replace(longId, "$1")}`, nameWidth)
      const facts = span.error === undefined ? factsOf(span) : `✗ ${span.error}`
      const head = `${span.layer.padEnd(8)} ${name} ${(length / 1e6).toFixed(2).padStart(9)}  `
      const room = Math.max(0, options.columns - head.length - barWidth - 2)
      lines.push(
        `${paint(code, span.layer.padEnd(8))} ${name} ${(length / 1e6).toFixed(2).padStart(9)}  ${paint(code, bar)}  ${paint(span.error === undefined ? 2 : 31, facts.slice(0, options.colours ? room : undefined))}`.trimEnd(),
      )
      walk(span.spanId, depth + 1)
    }
  }
  walk("", 0)
  return `${lines.join("\n")}\n`
}

const factsOf = (span: SpanRecord): string =>
  Object.entries(span.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(" ")

const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
