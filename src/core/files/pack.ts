import { statfsSync } from "node:fs"
import { readDirectory } from "../../linux/directory.ts"
import { closeDescriptor, openAt, openFlags } from "../../linux/files.ts"
import { type FileStatus, findAt, statDescriptor } from "../../linux/stat.ts"
import { endOfArchive } from "../../std/tar/writer.ts"
import { entryWriter } from "../diff/tar-stream.ts"
import { assertReachable } from "../diff/walk.ts"
import { isDirectory } from "../layers/overlay-marks.ts"
import { lastComponent, openInRoot, told } from "./paths.ts"

const directoryFlags = openFlags.directory | openFlags.noFollow

/**
 * A tar of what a clean path leads to, entries named by the path's last component. The caller keeps `root` open until the
 * end.
 * @throws Failure notFound, before the first byte, when it is gone
 */
export function* packPath(root: number, path: string, isDirectoryPath: boolean): Generator<Uint8Array> {
  const write = entryWriter()
  const base = lastComponent(path)
  if (!isDirectoryPath) {
    const parent = told("open", path, () =>
      openInRoot(root, path.slice(0, path.lastIndexOf("/") + 1), openFlags.directory),
    )
    try {
      const name = Buffer.from(base)
      const status = findAt(parent, name)
      if (status) yield* write(name, { name, status, parent })
    } finally {
      closeDescriptor(parent)
    }
    yield endOfArchive
    return
  }
  const directory = told("open", path, () => openInRoot(root, path, openFlags.directory))
  try {
    const name = Buffer.from(base === "/" ? "" : base)
    const status = statDescriptor(directory)
    yield* write(name, { name: Buffer.from("."), status, parent: directory })
    if (!isMadeUp(directory)) yield* within(directory, status, name, path === "/" || path === "/.", 0)
  } finally {
    closeDescriptor(directory)
  }
  yield endOfArchive

  function* within(
    parent: number,
    own: FileStatus,
    prefix: Buffer,
    isRoot: boolean,
    depth: number,
  ): Generator<Uint8Array> {
    assertReachable(depth)
    const names = readDirectory(parent).map((entry) => entry.name)
    for (const name of names.sort(Buffer.compare)) {
      const status = findAt(parent, name)
      if (!status) continue
      const below = Buffer.concat([prefix, slash, name])
      yield* write(below, { name, status, parent })
      if (!isDirectory(status)) continue
      const directory = enter(parent, name)
      if (directory === undefined) continue
      try {
        const inside = statDescriptor(directory)
        const mounted = inside.device !== own.device
        const kernels = mounted && ((isRoot && name.toString("latin1") === "dev") || isMadeUp(directory))
        if (!kernels) yield* within(directory, inside, below, false, depth + 1)
      } finally {
        closeDescriptor(directory)
      }
    }
  }
}

const slash = Buffer.from("/")

/** @returns undefined when it is gone, or something else by now */
function enter(parent: number, name: Buffer): number | undefined {
  try {
    return openAt(parent, name, directoryFlags)
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as { code?: string }).code ?? "")) return undefined
    throw error
  }
}

/** Magic numbers of file systems in which reading a file may have effects or no end: proc, sysfs, cgroup, cgroup2, devpts,
 * mqueue, securityfs, debugfs, tracefs, bpf, configfs, pstore, efivarfs, binfmt_misc. */
const madeUp = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x73636673, 0x64626720, 0x74726163, 0xcafe4a11,
  0x62656570, 0x6165676c, 0xde5e81e4, 0x42494e4d,
])

const isMadeUp = (directory: number): boolean => madeUp.has(Number(statfsSync(`/proc/self/fd/${directory}`).type))
