import { mustBeDirectory, splitEntry } from "./paths.ts"
import { renameEntries } from "./rename.ts"

/** What is copied. */
export interface Source {
  readonly path: string
  readonly isDirectory: boolean
  /** What its entries are called in the archive, when links led elsewhere; "" when they have the path's own name. */
  readonly name: string
}

/** Where it goes. */
export interface Destination {
  readonly path: string
  readonly exists: boolean
  readonly isDirectory: boolean
}

/**
 * Decides in which directory an archive must be unpacked, and what its entries must be called, for `source` to arrive at
 * `destination`: within it when it is a directory, under its name otherwise.
 *
 * @throws Error in docker's words
 */
export function arrange(
  archive: AsyncIterable<Uint8Array>,
  source: Source,
  destination: Destination,
): { readonly folder: string; readonly archive: AsyncIterable<Uint8Array> } {
  if (destination.exists && destination.isDirectory) return { folder: destination.path, archive }
  if (destination.exists && source.isDirectory) throw new Error("cannot copy directory")
  if (!source.isDirectory && !destination.exists && mustBeDirectory(destination.path))
    throw new Error("no such directory")
  const [folder, base] = splitEntry(destination.path)
  const name = source.name || splitEntry(source.path)[1]
  return { folder, archive: renameEntries(archive, name, base) }
}
