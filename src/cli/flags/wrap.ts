/** How far over the edge a last line may go, so that no single short word is left on a line of its own. */
const slop = 5
/** Text narrower than this reads badly: it goes below its flag instead of beside it. */
const narrowest = 24
const indentBelow = 16

/**
 * Breaks `text`, which stands beside something `indent` columns wide, at `width`, as docker's help does: further lines
 * start at `indent`, line breaks of the text are kept.
 */
export function wrapAfter(indent: number, width: number, text: string): string {
  const below = width - indent < narrowest
  const start = below ? indentBelow : indent
  const room = width - start
  const margin = `\n${" ".repeat(start)}`
  if (room < narrowest) return text.replaceAll("\n", margin)
  const lines: string[] = []
  for (let rest = text; rest !== ""; ) {
    const [line, after] = firstLine(room - slop, rest)
    lines.push(line.replaceAll("\n", margin))
    rest = after
  }
  return (below ? margin : "") + lines.join(margin)
}

function firstLine(width: number, text: string): readonly [line: string, rest: string] {
  if (width + slop > text.length) return [text, ""]
  const window = text.slice(0, width)
  const space = Math.max(window.lastIndexOf(" "), window.lastIndexOf("\t"), window.lastIndexOf("\n"))
  if (space <= 0) return [text, ""]
  const newline = window.lastIndexOf("\n")
  const cut = newline > 0 && newline < space ? newline : space
  return [text.slice(0, cut), text.slice(cut + 1)]
}
