import { lstatSync, realpathSync } from "node:fs"
import { ArchiveClient, fileModeProblem, isDirectory, isSymlink } from "../../client/archive.ts"
import type { Transport } from "../../client/transport.ts"
import { Exit } from "../command.ts"
import type { Output } from "../streams.ts"
import { arrange, type Destination, type Source } from "./arrange.ts"
import { packTree } from "./pack.ts"
import { absolute, afterLinks, keepEnding, linkTarget, mustBeDirectory, splitEntry } from "./paths.ts"
import { CopyProgress } from "./progress.ts"

export interface CopyTo {
  /** A path of this machine, or "-" for an archive on standard input. */
  readonly source: string
  readonly container: string
  readonly path: string
  readonly followLink: boolean
  /** Keep user and group. */
  readonly ownership: boolean
  readonly quiet: boolean
  readonly err: Output
}

/** `cp SOURCE CONTAINER:PATH`. */
export async function copyToContainer(transport: Transport, wish: CopyTo): Promise<void> {
  const archives = new ArchiveClient(transport)
  const destination = await destinationOf(archives, wish.container, wish.path)
  const put = (folder: string, archive: AsyncIterable<Uint8Array>) =>
    archives.put(wish.container, folder, archive, { ownership: wish.ownership })
  if (wish.source === "-") {
    if (!destination.isDirectory) throw new Exit(1, `destination "${wish.container}:${wish.path}" must be a directory`)
    await put(destination.path, process.stdin)
    return
  }
  const source = sourceOf(absolute(wish.source), wish.followLink)
  const [root, base] = splitEntry(source.path)
  const { folder, archive } = arrange(packTree({ root, base, name: source.name }), source, destination)
  if (wish.quiet) return put(folder, archive)
  using progress = new CopyProgress(wish.err, "Copying to container - ")
  try {
    await put(folder, progress.count(archive))
  } finally {
    progress[Symbol.dispose]()
    wish.err.line(`Successfully copied ${progress.text} to ${wish.container}:${destination.path}`)
  }
}

async function destinationOf(archives: ArchiveClient, container: string, given: string): Promise<Destination> {
  let path = given
  let stat = await archives.stat(container, path).catch(() => undefined)
  if (stat && isSymlink(stat)) {
    path = linkTarget(given, stat.linkTarget)
    stat = await archives.stat(container, path).catch(() => undefined)
  }
  const problem = stat && fileModeProblem(stat)
  if (problem)
    throw new Exit(1, `destination "${container}:${given}" must be a directory or a regular file: ${problem}`)
  return { path, exists: stat !== undefined, isDirectory: stat !== undefined && isDirectory(stat) }
}

function sourceOf(path: string, followLink: boolean): Source {
  const missing = (what: string) => new Exit(1, `lstat ${what}: no such file or directory`)
  let found: { readonly path: string; readonly name: string }
  try {
    // A link that is written with "/" behind it means the directory that it leads to.
    if (followLink || path.endsWith("/")) found = afterLinks(path, realpathSync(path))
    else {
      const [folder, base] = splitEntry(path)
      found = { path: keepEnding(`${realpathSync(folder).replace(/\/$/, "")}/${base}`, path), name: "" }
    }
  } catch {
    throw missing(path)
  }
  const stat = lstatSync(found.path.replace(/(.)\/\.?$/, "$1"), { throwIfNoEntry: false })
  if (!stat) throw missing(found.path)
  if (mustBeDirectory(path) && !stat.isDirectory()) throw new Exit(1, "not a directory")
  return { ...found, isDirectory: stat.isDirectory() }
}
