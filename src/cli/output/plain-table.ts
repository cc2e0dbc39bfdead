/** A heading, and the cell of a row. */
export type Column<T> = readonly [heading: string, cell: (row: T) => string]

/** Lines of aligned columns under their headings, three spaces apart. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[]): readonly string[] {
  const lines = [columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, cell]) => cell(row)))]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)))
  return lines.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join("   ")
      .trimEnd(),
  )
}
