import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs"
import { dirname, join, normalize } from "node:path"
import { Failure } from "../../errors/failure.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import { readTar, type TarMember } from "../../std/tar/reader.ts"
import { writeFailure } from "../write-failure.ts"

/**
 * Unpacks an archive below `root`, owned by the user. Directories are merged; a directory and something else never
 * replace each other. Nothing is written outside of `root`, whatever names and links the archive holds.
 *
 * @throws invalidArgument in docker's words
 */
export async function extract(source: AsyncIterable<Uint8Array>, root: string): Promise<void> {
  const top = realpathSync(root)
  const folders: (readonly [path: string, entry: TarEntry])[] = []
  for await (const member of readTar(source)) {
    const { entry } = member
    const name = normalize(entry.name.toString()).replace(/(.)\/$/, "$1")
    if (name.startsWith("..") || name.startsWith("/../")) throw outside(entry.name.toString())
    const path = name === "." || name === "/" ? top : inside(top, name)
    makeRoom(path, entry)
    await create(path, member, top)
    if (entry.type === "directory") folders.push([path, entry])
    else if (entry.type !== "hardlink") settle(path, entry)
  }
  // Times last: what is made in a directory changes its own.
  for (const [path, entry] of folders.reverse()) settle(path, entry)
}

const outside = (name: string) =>
  new Failure("invalidArgument", `invalid archive: ${JSON.stringify(name)} lies outside of the destination`)

/** The path of an entry, its directory made where missing, with every link on the way followed and checked. */
function inside(top: string, name: string): string {
  const path = join(top, name)
  const folder = dirname(path)
  let existing = folder
  while (!lstatSync(existing, { throwIfNoEntry: false })) existing = dirname(existing)
  checkInside(top, realpathSync(existing), name)
  mkdirSync(folder, { recursive: true })
  return path
}

function checkInside(top: string, real: string, name: string): void {
  if (real !== top && !real.startsWith(top === "/" ? "/" : `${top}/`)) throw outside(name)
}

function makeRoom(path: string, entry: TarEntry): void {
  const existing = lstatSync(path, { throwIfNoEntry: false })
  if (!existing) return
  const [was, becomes] = [existing.isDirectory(), entry.type === "directory"]
  if (was && !becomes)
    throw new Failure(
      "invalidArgument",
      `cannot overwrite directory ${JSON.stringify(path)} with non-directory ${JSON.stringify(path)}`,
    )
  if (!was && becomes)
    throw new Failure(
      "invalidArgument",
      `cannot overwrite non-directory ${JSON.stringify(path)} with directory ${JSON.stringify(path)}`,
    )
  if (!was) rmSync(path)
}

async function create(path: string, { entry, body }: TarMember, top: string): Promise<void> {
  switch (entry.type) {
    case "directory":
      mkdirSync(path, { recursive: true })
      return
    case "symlink":
      symlinkSync(entry.linkName!, path)
      return
    case "hardlink": {
      const target = inside(top, normalize(entry.linkName!.toString()))
      checkInside(top, realpathSync(dirname(target)), entry.linkName!.toString())
      linkSync(target, path)
      return
    }
    case "file":
      return write(path, entry, body)
    default:
      // Devices and pipes mean nothing outside of their container.
      return
  }
}

async function write(path: string, entry: TarEntry, body: AsyncIterable<Uint8Array>): Promise<void> {
  const descriptor = openSync(path, "wx", 0o600)
  try {
    const regions = entry.sparse ?? [{ offset: 0, length: entry.size }]
    let at = 0
    let within = 0
    for await (const chunk of body) {
      for (let rest = chunk; rest.length > 0; ) {
        while (within === regions[at]!.length) {
          at++
          within = 0
        }
        const { offset, length } = regions[at]!
        const written = writeSync(descriptor, rest, 0, Math.min(rest.length, length - within), offset + within)
        within += written
        rest = rest.subarray(written)
      }
    }
    if (entry.sparse) ftruncateSync(descriptor, entry.size)
  } catch (error) {
    // Half of a file is of no use, and in the way of a full disk.
    rmSync(path, { force: true })
    throw writeFailure(path, error)
  } finally {
    closeSync(descriptor)
  }
}

/** Mode and time. */
function settle(path: string, entry: TarEntry): void {
  if (!lstatSync(path, { throwIfNoEntry: false })) return
  if (entry.type !== "symlink") chmodSync(path, entry.mode)
  const seconds = Number(entry.mtime / 1_000_000n) / 1000
  lutimesSync(path, seconds, seconds)
}
