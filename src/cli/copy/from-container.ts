import { lstatSync, readlinkSync, statSync } from "node:fs"
import { dirname, normalize } from "node:path"
import type { PathStat } from "../../client/archive.ts"
import { ArchiveClient, isDirectory, isSymlink } from "../../client/archive.ts"
import type { Transport } from "../../client/transport.ts"
import { Exit } from "../command.ts"
import type { Output } from "../streams.ts"
import { arrange, type Destination } from "./arrange.ts"
import { extract } from "./extract.ts"
import { absolute, afterLinks, linkTarget, splitEntry } from "./paths.ts"
import { CopyProgress } from "./progress.ts"
import { renameEntries } from "./rename.ts"

export interface CopyFrom {
  readonly container: string
  readonly path: string
  /** A path of this machine, or "-" for an archive on standard output. */
  readonly target: string
  readonly followLink: boolean
  readonly quiet: boolean
  readonly out: Output
  readonly err: Output
}

/** `cp CONTAINER:PATH TARGET`. */
export async function copyFromContainer(transport: Transport, wish: CopyFrom): Promise<void> {
  const archives = new ArchiveClient(transport)
  const target = wish.target === "-" ? "-" : absolute(wish.target)
  if (target !== "-") checkTarget(target)
  const asked = wish.followLink ? await followed(archives, wish.container, wish.path) : { path: wish.path, name: "" }
  const { stat, body } = await archives.get(wish.container, asked.path)
  if (target === "-") {
    for await (const chunk of body) await wish.out.stream(chunk)
    return
  }
  using progress = wish.quiet ? undefined : new CopyProgress(wish.err, "Copying from container - ")
  const counted = progress ? progress.count(body) : body
  const renamed = asked.name ? renameEntries(counted, splitEntry(asked.path)[1], asked.name) : counted
  const source = { ...asked, isDirectory: isDirectory(stat) }
  const { folder, archive } = arrange(renamed, source, destinationOf(target))
  try {
    await extract(archive, folder)
  } finally {
    progress?.[Symbol.dispose]()
    if (progress) wish.err.line(`Successfully copied ${progress.text} to ${target}`)
  }
}

async function followed(archives: ArchiveClient, container: string, path: string) {
  let stat: PathStat
  try {
    stat = await archives.stat(container, path)
  } catch {
    // What is wrong with it the copy itself tells.
    return { path, name: "" }
  }
  return isSymlink(stat) ? afterLinks(path, linkTarget(path, stat.linkTarget)) : { path, name: "" }
}

function checkTarget(path: string): void {
  const folder = dirname(normalize(path).replace(/(.)\/$/, "$1"))
  if (!statSync(folder, { throwIfNoEntry: false }))
    throw new Exit(1, `invalid output path: directory ${JSON.stringify(folder)} does not exist`)
  const existing = statSync(path.replace(/(.)\/\.?$/, "$1"), { throwIfNoEntry: false })
  if (!existing || existing.isDirectory() || existing.isFile()) return
  const what = existing.isCharacterDevice() || existing.isBlockDevice() ? "got a device" : undefined
  if (what)
    throw new Exit(1, `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: ${what}`)
}

/** Links as the last part are followed: what they lead to is replaced, not they. */
function destinationOf(given: string): Destination {
  let path = given
  for (let links = 0; ; links++) {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (!stat) break
    if (!stat.isSymbolicLink()) return { path, exists: true, isDirectory: stat.isDirectory() }
    if (links > 10) throw new Exit(1, `too many symlinks in ${given}`)
    path = linkTarget(path, readlinkSync(path))
  }
  const parent = statSync(splitEntry(path)[0], { throwIfNoEntry: false })
  if (!parent) throw new Exit(1, `lstat ${splitEntry(path)[0]}: no such file or directory`)
  if (!parent.isDirectory()) throw new Exit(1, "not a directory")
  return { path, exists: false, isDirectory: false }
}
