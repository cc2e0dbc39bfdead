import { characters } from "./text-width.ts"

export interface TableLayout {
  /** The least width of a column, its padding included. */
  readonly minimum: number
  /** Spaces after the widest cell of a column. */
  readonly padding: number
}

/**
 * Aligns tab-separated cells as Go's text/tabwriter does: a column is a block of consecutive lines that have a cell
 * there which a tab ends; what follows a line's last tab is not part of any column. The default is docker's layout.
 */
export function alignColumns(text: string, { minimum, padding }: TableLayout = { minimum: 10, padding: 3 }): string {
  const lines = text.split("\n").map((line) => line.split("\t"))
  const widths: number[] = []
  let aligned = ""
  const write = (from: number, to: number) => {
    for (let row = from; row < to; row++) {
      const cells = lines[row]!
      cells.forEach((cell, column) => {
        const width = widths[column]
        const isLast = column === cells.length - 1
        aligned += isLast || width === undefined ? cell : cell + " ".repeat(Math.max(0, width - characters(cell)))
      })
      if (row < lines.length - 1) aligned += "\n"
    }
  }
  const format = (start: number, end: number) => {
    const column = widths.length
    let written = start
    for (let row = start; row < end; row++) {
      if (column >= lines[row]!.length - 1) continue
      write(written, row)
      written = row
      let width = minimum
      let after = row
      for (; after < end && column < lines[after]!.length - 1; after++)
        width = Math.max(width, characters(lines[after]![column]!) + padding)
      widths.push(width)
      format(row, after)
      widths.pop()
      written = after
      row = after - 1
    }
    write(written, end)
  }
  format(0, lines.length)
  return aligned
}
