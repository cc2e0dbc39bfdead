import { Failure } from "../../errors/failure.ts"
import { lackOfRoom, roomAdvice } from "../../errors/no-room.ts"
import { readDirectory } from "../../linux/directory.ts"
import {
  closeDescriptor,
  fileTypes,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  makeSymlinkAt,
  openAt,
  openAt2,
  openFlags,
  resolveFlags,
  setTimes,
  unlinkAt,
} from "../../linux/files.ts"
import { SystemError } from "../../linux/libc.ts"
import { type FileStatus, findAt } from "../../linux/stat.ts"
import { pathWithin } from "../../linux/xattr.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import type { TarSink } from "../../std/tar/parser.ts"
import type { LayerTarget } from "./contract.ts"
import { EntryFile } from "./entry-file.ts"
import { setMetadata, setNodeMetadata } from "./entry-metadata.ts"
import { type ByteText, componentsOf, showPath, toBytes } from "./entry-path.ts"
import { LayerDirectories, type OpenDirectory } from "./layer-directories.ts"
import { isDirectory, isSymlink, isWhiteout, setOpaque } from "./overlay-marks.ts"
import { removeTree } from "./trees.ts"
import { metadataPrefix, opaqueMarker, whiteoutPrefix } from "./whiteout-names.ts"

/** A layer with more entries than this is refused. */
const mostEntries = 5_000_000

/**
 * Writes the entries of one layer into a directory. Everything is made relative to open directories, the last component
 * never followed, links resolved with the layer as root: whatever an archive says, nothing outside is touched.
 *
 * Whiteouts (OCI image spec, "Whiteouts") hide what lower layers have, never what this layer has, wherever in the
 * archive they stand.
 */
export class LayerExtractor implements TarSink, Disposable {
  readonly #overlayForm: boolean
  readonly #directories: LayerDirectories
  /** Native form: the entries made so far, by parent inode and name. */
  readonly #made = new Set<string>()
  readonly #times = new Map<ByteText, bigint>()
  #rootDescribed = false
  #entries = 0
  #current: TarEntry | undefined
  /** Set when paths may lead elsewhere: directories are looked up anew from the next entry on. */
  #stale = false
  readonly #file = new EntryFile()

  constructor(target: LayerTarget) {
    this.#overlayForm = target.overlayForm
    this.#directories = new LayerDirectories({
      path: target.directory,
      makeWay: (parent, name) => this.#clearWhiteout(parent, name),
      replaced: setOpaque,
    })
  }

  entry(entry: TarEntry): void {
    if (++this.#entries > mostEntries) {
      throw new Failure("invalidArgument", `the layer has more than ${mostEntries} entries`)
    }
    this.#current = entry
    this.#attempt(() => this.#begin(entry))
  }

  data(bytes: Uint8Array, offset: number): void {
    if (this.#file.isOpen) this.#attempt(() => this.#file.write(bytes, offset))
  }

  end(): void {
    if (this.#file.isOpen) this.#attempt(() => this.#file.finish())
    this.#file[Symbol.dispose]()
  }

  /** Directories of the layer that no entry described, by path; empty for its root. */
  get implied(): readonly ByteText[] {
    return [...(this.#rootDescribed ? [] : [""]), ...this.#directories.implied]
  }

  /** Sets what later entries would have changed again: the times of directories. */
  finish(): void {
    for (const [path, mtime] of this.#times) {
      if (path === "") {
        setTimes(this.#directories.root.descriptor, mtime)
        continue
      }
      let descriptor: number
      try {
        const flags = openFlags.directory | openFlags.noFollow
        descriptor = openAt2(this.#directories.root.descriptor, toBytes(path), flags, resolveFlags.inRoot)
      } catch (error) {
        // A later entry has replaced the directory by something else.
        if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) continue
        throw error
      }
      setTimes(descriptor, mtime)
      closeDescriptor(descriptor)
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
    this.#directories[Symbol.dispose]()
  }

  #begin(entry: TarEntry): void {
    if (this.#stale) {
      this.#directories.forget()
      this.#stale = false
    }
    const components = componentsOf(entry.name)
    if (components.some((part) => part.startsWith(metadataPrefix) && part !== opaqueMarker)) return
    const name = components.pop()
    if (name === undefined) {
      this.#root(entry)
      return
    }
    if (components.some((part) => part.startsWith(whiteoutPrefix))) {
      throw new Failure("invalidArgument", `entry ${showPath([...components, name].join("/"))} lies below a whiteout`)
    }
    if (name === opaqueMarker) this.#opaque(components)
    else if (name.startsWith(whiteoutPrefix)) this.#whiteout(components, name.slice(whiteoutPrefix.length))
    else if (entry.type === "character" && entry.major === 0 && entry.minor === 0) this.#whiteout(components, name)
    else this.#make(entry, components, name)
  }

  #root(entry: TarEntry): void {
    if (entry.type !== "directory") {
      throw new Failure("invalidArgument", `the layer's root is not a directory but a ${entry.type}`)
    }
    setMetadata(this.#directories.root.descriptor, entry)
    this.#rootDescribed = true
    this.#times.set("", entry.mtime)
  }

  #make(entry: TarEntry, parents: readonly ByteText[], name: ByteText): void {
    if (entry.type === "hardlink") {
      this.#hardLink(entry, parents, name)
      return
    }
    const parent = this.#parent(parents)
    const bytes = toBytes(name)
    if (!this.#overlayForm) this.#made.add(keyOf(parent, name))
    switch (entry.type) {
      case "directory":
        this.#directory(entry, parents, parent, name)
        break
      case "file": {
        const flags = openFlags.writeonly | openFlags.create | openFlags.exclusive | openFlags.noFollow
        const descriptor = this.#replacing(parent, name, () => openAt(parent.descriptor, bytes, flags, 0o600))
        this.#file.begin(descriptor, entry)
        break
      }
      case "symlink":
        this.#replacing(parent, name, () => makeSymlinkAt(entry.linkName!, parent.descriptor, bytes))
        setNodeMetadata(parent.descriptor, bytes, entry)
        break
      default: {
        const type = fileTypes[entry.type]
        if ((entry.major ?? 0) > 0xfff || (entry.minor ?? 0) > 0xfffff) {
          throw new Failure(
            "invalidArgument",
            `device ${showPath(name)} has the impossible number ${entry.major}:${entry.minor}`,
          )
        }
        this.#replacing(parent, name, () =>
          makeNodeAt(parent.descriptor, bytes, type | 0o600, entry.major ?? 0, entry.minor ?? 0),
        )
        setNodeMetadata(parent.descriptor, bytes, entry)
      }
    }
  }

  #directory(entry: TarEntry, parents: readonly ByteText[], parent: OpenDirectory, name: ByteText): void {
    const bytes = toBytes(name)
    let hidesLower = false
    try {
      makeDirectoryAt(parent.descriptor, bytes, 0o700)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
      const present = findAt(parent.descriptor, bytes)
      if (present && !isDirectory(present)) {
        hidesLower = isWhiteout(present)
        this.#remove(parent, name, present)
        makeDirectoryAt(parent.descriptor, bytes, 0o700)
      }
    }
    const descriptor = openAt(parent.descriptor, bytes, openFlags.directory | openFlags.noFollow)
    const path = [...parents, name].join("/")
    this.#directories.described(this.#directories.keep(path, descriptor))
    setMetadata(descriptor, entry)
    if (hidesLower) setOpaque(descriptor)
    this.#times.set(path, entry.mtime)
  }

  #hardLink(entry: TarEntry, parents: readonly ByteText[], name: ByteText): void {
    const target = componentsOf(entry.linkName!)
    const targetName = target.pop()
    const found = targetName === undefined ? undefined : this.#directories.find(target)
    const status = found && findAt(found.descriptor, toBytes(targetName!))
    if (!status || isWhiteout(status) || isDirectory(status)) {
      const what = !status || isWhiteout(status) ? "is not in this layer" : "is a directory"
      const link = showPath(entry.linkName!.toString("latin1"))
      throw new Failure("invalidArgument", `hard link ${showPath(name)} points to ${link}, which ${what}`)
    }
    // Held by a descriptor of its own: looking up the other directory may close those that are kept.
    const from = openAt(found!.descriptor, ".", openFlags.directory)
    try {
      const parent = this.#parent(parents)
      if (!this.#overlayForm) this.#made.add(keyOf(parent, name))
      const present = findAt(parent.descriptor, toBytes(name))
      if (present?.inode === status.inode && present.device === status.device) return
      if (present) this.#remove(parent, name, present)
      linkAt(from, toBytes(targetName!), parent.descriptor, toBytes(name))
    } finally {
      closeDescriptor(from)
    }
  }

  /** Makes an entry; what is there already makes way. */
  #replacing<T>(parent: OpenDirectory, name: ByteText, make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
    }
    const present = findAt(parent.descriptor, toBytes(name))
    if (present) this.#remove(parent, name, present)
    return make()
  }

  /** Removes an entry. Directories held open may be gone or lead elsewhere afterwards, except `parent` during this entry. */
  #remove(parent: OpenDirectory, name: ByteText, status: FileStatus): void {
    const bytes = toBytes(name)
    if (isDirectory(status)) removeTree(pathWithin(parent.descriptor, bytes))
    else unlinkAt(parent.descriptor, bytes)
    if (isDirectory(status) || isSymlink(status)) this.#stale = true
  }

  #parent(parents: readonly ByteText[]): OpenDirectory {
    if (this.#overlayForm) return this.#directories.at(parents)
    // In the native form, what leads to a new entry is new as far as whiteouts of this layer are concerned.
    let directory = this.#directories.root
    for (let depth = 1; depth <= parents.length; depth++) {
      this.#made.add(keyOf(directory, parents[depth - 1]!))
      directory = this.#directories.at(parents.slice(0, depth))
    }
    return directory
  }

  #whiteout(parents: readonly ByteText[], name: ByteText): void {
    if (name === "" || name === "." || name === "..") {
      throw new Failure("invalidArgument", `whiteout of the impossible name ${showPath(name)}`)
    }
    const parent = this.#overlayForm ? this.#parent(parents) : this.#directories.find(parents)
    if (!parent) return
    const present = findAt(parent.descriptor, toBytes(name))
    if (!this.#overlayForm) {
      if (present) this.#removeLower(parent, name, present)
    } else if (!present) {
      makeNodeAt(parent.descriptor, toBytes(name), fileTypes.character, 0, 0)
    } else if (isDirectory(present)) {
      const descriptor = openAt(parent.descriptor, toBytes(name), openFlags.directory | openFlags.noFollow)
      setOpaque(descriptor)
      closeDescriptor(descriptor)
    }
  }

  #opaque(path: readonly ByteText[]): void {
    if (this.#overlayForm) {
      setOpaque(this.#parent(path).descriptor)
      return
    }
    const directory = this.#directories.find(path)
    if (directory) this.#removeLowerWithin(directory)
  }

  /** Native form: removes an entry that lower layers left, with what they left below it. */
  #removeLower(parent: OpenDirectory, name: ByteText, status: FileStatus): void {
    if (!this.#made.has(keyOf(parent, name))) {
      this.#remove(parent, name, status)
      this.#directories.forget()
      return
    }
    if (!isDirectory(status)) return
    const descriptor = openAt(parent.descriptor, toBytes(name), openFlags.directory | openFlags.noFollow)
    try {
      this.#removeLowerWithin({ descriptor, inode: status.inode })
    } finally {
      closeDescriptor(descriptor)
    }
  }

  #removeLowerWithin(directory: OpenDirectory): void {
    // Its own descriptor: forgetting what is held open must not close the one that is being read.
    const descriptor = openAt(directory.descriptor, ".", openFlags.directory)
    try {
      const own = { descriptor, inode: directory.inode }
      for (const { name } of readDirectory(descriptor)) {
        const status = findAt(descriptor, name)
        if (status) this.#removeLower(own, name.toString("latin1"), status)
      }
    } finally {
      closeDescriptor(descriptor)
    }
  }

  /** Overlay form: lets a whiteout of this layer make way for a directory, which is opaque then. */
  #clearWhiteout(parent: OpenDirectory, name: ByteText): boolean {
    const present = findAt(parent.descriptor, toBytes(name))
    if (!present || !isWhiteout(present)) return false
    unlinkAt(parent.descriptor, toBytes(name))
    return true
  }

  /** Runs a step of the current entry; what the kernel refuses because of the archive is told as the archive's fault. */
  #attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      const what = `entry ${showPath(this.#current!.name.toString("latin1"))}`
      if (error.code === "ENOSPC" || error.code === "EDQUOT") {
        throw new Failure("noSpace", `${lackOfRoom(error)} for ${what} of the layer; ${roomAdvice(error)}`, error)
      }
      if (archiveFaults.has(error.code)) {
        throw new Failure("invalidArgument", `${what} cannot be unpacked: ${error.message}`, error)
      }
      throw error
    }
  }
}

const archiveFaults = new Set([
  "EEXIST",
  "EFBIG",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "EMLINK",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "ENOTEMPTY",
  "EOVERFLOW",
  "EPERM",
  "ERANGE",
  "E2BIG",
  "EXDEV",
])

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | null)?.code

const keyOf = (parent: OpenDirectory, name: ByteText): string => `${parent.inode}/${name}`
