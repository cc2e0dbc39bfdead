import { readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"

/** The end of a compressed file's name. */
export const compressedSuffix = ".gz"

/**
 * A file of ours in a log's folder. Collectors take whatever begins as the log's own name does (`*-json.log*`, `*.log`):
 * this one ends otherwise, and is hidden.
 */
export const fileBeside = (path: string, what: "next" | "generation"): string =>
  join(dirname(path), `.${basename(path).replace(/\.log$/, "")}.${what}`)

/** Rotations so far of a file that cannot carry the number itself. */
export function generationBeside(path: string): number {
  try {
    return Number(readFileSync(fileBeside(path, "generation"), "utf8")) || 0
  } catch {
    return 0
  }
}
