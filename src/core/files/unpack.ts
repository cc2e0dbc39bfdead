import { Failure } from "../../errors/failure.ts"
import {
  closeDescriptor,
  fileTypes,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  makeSymlinkAt,
  openAt,
  openFlags,
  setTimes,
  unlinkAt,
} from "../../linux/files.ts"
import { type FileStatus, findAt } from "../../linux/stat.ts"
import { pathWithin } from "../../linux/xattr.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import type { TarSink } from "../../std/tar/parser.ts"
import { EntryFile } from "../layers/entry-file.ts"
import { setMetadata, setNodeMetadata } from "../layers/entry-metadata.ts"
import { type ByteText, componentsOf, showPath, toBytes } from "../layers/entry-path.ts"
import { LayerDirectories, type OpenDirectory } from "../layers/layer-directories.ts"
import { isDirectory, isSymlink } from "../layers/overlay-marks.ts"
import { removeTree } from "../layers/trees.ts"
import { openInRoot, told } from "./paths.ts"

export interface ExtractorOptions {
  /** Who is to own everything, instead of whom the archive names. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** As `UnpackOptions` has it. */
  readonly keepKinds: boolean
}

/**
 * Writes the entries of an archive into a directory of a tree that is in use. As in a layer, nothing outside the tree is
 * touched, whatever links the archive or the tree holds; unlike there, names of whiteouts mean nothing, and what exists is
 * replaced or merged with.
 */
export class TreeExtractor implements TarSink, Disposable {
  readonly #base: readonly ByteText[]
  readonly #options: ExtractorOptions
  readonly #directories: LayerDirectories
  readonly #times = new Map<ByteText, bigint>()
  #current: TarEntry | undefined
  #stale = false
  readonly #file = new EntryFile()
  /** Where the file lies that is being written. */
  #unfinished: { readonly parent: OpenDirectory; readonly name: Buffer } | undefined

  /** @param directory an absolute path in the tree, links resolved */
  constructor(root: string, directory: string, options: ExtractorOptions) {
    this.#base = Buffer.from(directory).toString("latin1").split("/").filter(Boolean)
    this.#options = options
    this.#directories = new LayerDirectories({
      path: root,
      makeWay: () => false,
      replaced: () => {},
    })
  }

  entry(entry: TarEntry): void {
    const { owner } = this.#options
    this.#current = owner ? { ...entry, uid: owner.uid, gid: owner.gid } : entry
    this.#attempt(() => this.#begin(this.#current!))
  }

  data(bytes: Uint8Array, offset: number): void {
    if (this.#file.isOpen) this.#attempt(() => this.#file.write(bytes, offset))
  }

  end(): void {
    if (this.#file.isOpen) this.#attempt(() => this.#file.finish())
    this.#file[Symbol.dispose]()
    this.#unfinished = undefined
  }

  /** Sets what later entries would have changed again: the times of directories. */
  finish(): void {
    for (const [path, mtime] of this.#times) {
      let descriptor: number
      try {
        descriptor = openInRoot(this.#directories.root.descriptor, toBytes(path || "."), openFlags.directory)
      } catch {
        // A later entry has replaced the directory, or somebody removed it: it has no time to set.
        continue
      }
      setTimes(descriptor, mtime)
      closeDescriptor(descriptor)
    }
  }

  /** Closes everything. A file whose bytes have not all come, or found no room, is removed. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
    if (this.#unfinished) unlinkIfThere(this.#unfinished.parent.descriptor, this.#unfinished.name)
    this.#unfinished = undefined
    this.#directories[Symbol.dispose]()
  }

  #begin(entry: TarEntry): void {
    if (this.#stale) this.#directories.forget()
    this.#stale = false
    const components = componentsOf(entry.name, "archive")
    const name = components.pop()
    if (name === undefined) {
      // The archive's own root: the directory is there, and somebody else's.
      return
    }
    const parents = [...this.#base, ...components]
    const parent = this.#directories.at(parents)
    const bytes = toBytes(name)
    const present = findAt(parent.descriptor, bytes)
    if (present) this.#makeWay(entry, parent, name, present)
    const path = [...parents, name].join("/")
    switch (entry.type) {
      case "directory":
        this.#directory(entry, parent, path, bytes, present !== undefined && isDirectory(present))
        break
      case "file": {
        const flags = openFlags.writeonly | openFlags.create | openFlags.exclusive | openFlags.noFollow
        this.#file.begin(openAt(parent.descriptor, bytes, flags, 0o600), entry)
        this.#unfinished = { parent, name: bytes }
        break
      }
      case "hardlink":
        this.#hardLink(entry, parents, name)
        break
      case "symlink":
        makeSymlinkAt(entry.linkName!, parent.descriptor, bytes)
        setNodeMetadata(parent.descriptor, bytes, entry)
        this.#stale = true
        break
      default:
        makeNodeAt(parent.descriptor, bytes, fileTypes[entry.type] | 0o600, entry.major ?? 0, entry.minor ?? 0)
        setNodeMetadata(parent.descriptor, bytes, entry)
    }
  }

  /** Removes what an entry is going to replace; a directory stays for a directory. */
  #makeWay(entry: TarEntry, parent: OpenDirectory, name: ByteText, present: FileStatus): void {
    const [was, becomes] = [isDirectory(present), entry.type === "directory"]
    if (was && becomes) return
    if (this.#options.keepKinds && was !== becomes) {
      const text = JSON.stringify(`/${[...this.#base, ...componentsOf(entry.name, "archive")].join("/")}`)
      throw new Failure(
        "invalidArgument",
        was
          ? `cannot overwrite directory ${text} with non-directory ${text}`
          : `cannot overwrite non-directory ${text} with directory ${text}`,
      )
    }
    const bytes = toBytes(name)
    if (was) removeTree(pathWithin(parent.descriptor, bytes))
    else unlinkAt(parent.descriptor, bytes)
    if (was || isSymlink(present)) this.#stale = true
  }

  #directory(entry: TarEntry, parent: OpenDirectory, path: ByteText, name: Buffer, exists: boolean): void {
    if (!exists) makeDirectoryAt(parent.descriptor, name, 0o700)
    const descriptor = openAt(parent.descriptor, name, openFlags.directory | openFlags.noFollow)
    this.#directories.keep(path, descriptor)
    setMetadata(descriptor, entry)
    this.#times.set(path, entry.mtime)
  }

  #hardLink(entry: TarEntry, parents: readonly ByteText[], name: ByteText): void {
    const target = componentsOf(entry.linkName!, "archive")
    const targetName = target.pop()
    const found = targetName === undefined ? undefined : this.#directories.find([...this.#base, ...target])
    if (!found || !findAt(found.descriptor, toBytes(targetName!))) {
      throw new Failure(
        "invalidArgument",
        `hard link ${showPath(name)} points to ${showPath(entry.linkName!.toString("latin1"))}, which does not exist`,
      )
    }
    // Held by a descriptor of its own: looking up the other directory may close those that are kept.
    const from = openAt(found.descriptor, ".", openFlags.directory)
    try {
      linkAt(from, toBytes(targetName!), this.#directories.at(parents).descriptor, toBytes(name))
    } finally {
      closeDescriptor(from)
    }
  }

  #attempt(step: () => void): void {
    told("unpack", this.#current!.name.toString(), step)
  }
}

/** The container may have renamed or removed it. */
function unlinkIfThere(directory: number, name: Buffer): void {
  try {
    unlinkAt(directory, name)
  } catch {}
}
