import { Failure } from "../../errors/failure.ts"
import {
  changeMode,
  closeDescriptor,
  makeDirectoryAt,
  openAt,
  openAt2,
  openFlags,
  resolveFlags,
} from "../../linux/files.ts"
import { statDescriptor } from "../../linux/stat.ts"
import { type ByteText, showPath, toBytes } from "./entry-path.ts"

export interface OpenDirectory {
  readonly descriptor: number
  /** With a name it identifies an entry, whatever path led there. */
  readonly inode: bigint
}

const mostOpen = 128
const flags = openFlags.directory
/** Symbolic links within the layer are followed, but never out of it. */
const rules = resolveFlags.inRoot | resolveFlags.noMagicLinks

const codeOf = (error: unknown) => (error as { code?: string } | null)?.code

/**
 * The directories of a layer that is being unpacked, each held open once it is known: entries are made relative to
 * these descriptors, never by a path that a symbolic link could turn.
 */
export class LayerDirectories implements Disposable {
  readonly root: OpenDirectory
  readonly #open = new Map<ByteText, OpenDirectory>()
  readonly #implied = new Map<bigint, ByteText>()
  /** Called when a parent has to be made where there is something else. @returns whether it made way */
  readonly #makeWay: (parent: OpenDirectory, name: ByteText) => boolean
  readonly #replaced: (descriptor: number) => void

  constructor(options: {
    readonly path: string
    readonly makeWay: (parent: OpenDirectory, name: ByteText) => boolean
    /** Called with each directory that was made where something made way. */
    readonly replaced: (descriptor: number) => void
  }) {
    this.root = opened(openAt(-100, options.path, flags))
    this.#makeWay = options.makeWay
    this.#replaced = options.replaced
  }

  /**
   * The directory at `components`; it and its parents are made when they are missing, and are implied then.
   * @throws invalidArgument when something that is not a directory is in the way
   */
  at(components: readonly ByteText[]): OpenDirectory {
    if (components.length === 0) return this.root
    const path = components.join("/")
    const known = this.#open.get(path)
    if (known) return known
    return this.keep(path, this.#find(path) ?? this.#make(components, path))
  }

  /** As {@link at}, undefined when there is no such directory. */
  find(components: readonly ByteText[]): OpenDirectory | undefined {
    if (components.length === 0) return this.root
    const path = components.join("/")
    const known = this.#open.get(path)
    if (known) return known
    const descriptor = this.#find(path)
    return descriptor === undefined ? undefined : this.keep(path, descriptor)
  }

  /** Holds an open directory for the entries that follow. */
  keep(path: ByteText, descriptor: number): OpenDirectory {
    if (this.#open.size >= mostOpen) this.forget()
    const earlier = this.#open.get(path)
    if (earlier) closeDescriptor(earlier.descriptor)
    const directory = opened(descriptor)
    this.#open.set(path, directory)
    return directory
  }

  /** Directories that no entry has described so far: they are to be what they are in the layers below. */
  get implied(): readonly ByteText[] {
    return [...this.#implied.values()]
  }

  /** Takes note that an entry has described a directory. */
  described({ inode }: OpenDirectory): void {
    this.#implied.delete(inode)
  }

  /** Closes what is held: after anything was replaced or removed, paths may lead elsewhere. */
  forget(): void {
    for (const { descriptor } of this.#open.values()) closeDescriptor(descriptor)
    this.#open.clear()
  }

  #find(path: ByteText): number | undefined {
    try {
      return openAt2(this.root.descriptor, toBytes(path), flags, rules)
    } catch (error) {
      const code = codeOf(error)
      if (code === "ENOENT" || code === "ENOTDIR") return undefined
      if (code === "ELOOP") throw new Failure("invalidArgument", `directory ${showPath(path)} is a loop of links`)
      throw error
    }
  }

  #make(components: readonly ByteText[], path: ByteText): number {
    const parent = this.at(components.slice(0, -1))
    const name = components.at(-1)!
    const bytes = toBytes(name)
    let replaced = false
    try {
      makeDirectoryAt(parent.descriptor, bytes, 0o700)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
      if (!this.#makeWay(parent, name)) {
        throw new Failure("invalidArgument", `${showPath(path)} has entries below it, but is not a directory`)
      }
      makeDirectoryAt(parent.descriptor, bytes, 0o700)
      replaced = true
    }
    const descriptor = openAt(parent.descriptor, bytes, flags | openFlags.noFollow)
    changeMode(descriptor, 0o755)
    this.#implied.set(statDescriptor(descriptor).inode, path)
    if (replaced) this.#replaced(descriptor)
    return descriptor
  }

  [Symbol.dispose](): void {
    this.forget()
    closeDescriptor(this.root.descriptor)
  }
}

const opened = (descriptor: number): OpenDirectory => ({ descriptor, inode: statDescriptor(descriptor).inode })
