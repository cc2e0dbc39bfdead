import { fileTypes } from "../../linux/files.ts"
import { BeyondErofs, type ErofsNode } from "../../std/erofs/tree.ts"
import { type ByteText, showPath } from "./entry-path.ts"

/** A directory of a layer that is being indexed. */
export interface TreeDirectory extends ErofsNode {
  readonly children: Map<ByteText, ErofsNode>
}

/** How many links one path may lead through (the kernel's own limit). */
const mostLinks = 40

const typeOf = (node: ErofsNode): number => node.mode & fileTypes.mask

export const isTreeDirectory = (node: ErofsNode | undefined): node is TreeDirectory => node?.children !== undefined

/** Whether a node hides what lower layers have by its name. */
export const isTreeWhiteout = (node: ErofsNode): boolean =>
  typeOf(node) === fileTypes.character && !node.major && !node.minor

/** The group of what is made in a directory: its own with the set-group-ID bit (inode(7)). */
const groupIn = (parent: TreeDirectory | undefined): number => (parent && parent.mode & 0o2000 ? parent.gid : 0)

/** Makes a directory hide everything that lower layers have in it. */
export function makeOpaque(node: ErofsNode): void {
  node.xattrs ??= new Map()
  node.xattrs.set("trusted.overlay.opaque", Buffer.from("y"))
}

/**
 * The tree of a layer in memory, looked up as the kernel would with the layer as root: symbolic links are followed, and lead
 * nowhere else.
 */
export class LayerTree {
  readonly root: TreeDirectory
  readonly #now: bigint
  /** Directories that no entry has described so far, with the paths that implied them. */
  readonly #implied = new Map<ErofsNode, ByteText>()
  /** Where the last lookup led, for the next one: entries of a directory follow each other. */
  #last: { readonly path: ByteText; readonly directory: TreeDirectory } | undefined

  /** @param now what nobody gives a time gets. Nanoseconds since the epoch */
  constructor(now: bigint) {
    this.#now = now
    this.root = this.#directory(undefined)
    this.#implied.set(this.root, "")
  }

  /** The directory at `components`, undefined when there is none. @throws BeyondErofs for a loop of links */
  find(components: readonly ByteText[]): TreeDirectory | undefined {
    const way: TreeDirectory[] = [this.root]
    const left = [...components].reverse()
    let followed = 0
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (name === "" || name === ".") continue
      if (name === "..") {
        if (way.length > 1) way.pop()
        continue
      }
      const child = way.at(-1)!.children.get(name)
      if (isTreeDirectory(child)) way.push(child)
      else if (child?.target) {
        if (++followed > mostLinks) throw new BeyondErofs(`a loop of links at ${showPath(name)}`)
        const target = Buffer.from(child.target).toString("latin1")
        if (target.startsWith("/")) way.length = 1
        left.push(...target.split("/").reverse())
      } else return undefined
    }
    return way.at(-1)
  }

  /** The directory at `components`, made with its parents when it is not there: implied then. @throws BeyondErofs for something else there */
  at(components: readonly ByteText[]): TreeDirectory {
    const path = components.join("/")
    if (this.#last?.path === path) return this.#last.directory
    const directory = this.find(components) ?? this.#make(components, path)
    this.#last = { path, directory }
    return directory
  }

  #make(components: readonly ByteText[], path: ByteText): TreeDirectory {
    const parent = this.at(components.slice(0, -1))
    const name = components.at(-1)!
    const present = parent.children.get(name)
    if (present && !isTreeWhiteout(present))
      throw new BeyondErofs(`entries below ${showPath(name)}, which is no directory`)
    const made = this.#directory(parent)
    if (present) makeOpaque(made)
    this.put(parent, name, made)
    this.#implied.set(made, path)
    return made
  }

  /** Puts a node in place of whatever is there. Paths may lead elsewhere then. */
  put(parent: TreeDirectory, name: ByteText, node: ErofsNode): void {
    if (parent.children.has(name)) this.#last = undefined
    parent.children.set(name, node)
  }

  /** The directory `name` in `parent`, in place of whatever else is there; described from now on. */
  describe(parent: TreeDirectory, name: ByteText): TreeDirectory {
    const present = parent.children.get(name)
    if (isTreeDirectory(present)) {
      this.#implied.delete(present)
      return present
    }
    const made = this.#directory(parent)
    if (present && isTreeWhiteout(present)) makeOpaque(made)
    this.put(parent, name, made)
    return made
  }

  /** The root itself is described by an entry. */
  describeRoot(): TreeDirectory {
    this.#implied.delete(this.root)
    return this.root
  }

  /** Hides what lower layers have by `name`. */
  whiteout(parent: TreeDirectory, name: ByteText): void {
    const present = parent.children.get(name)
    if (isTreeDirectory(present)) makeOpaque(present)
    else if (!present) {
      const gid = groupIn(parent)
      parent.children.set(name, { mode: fileTypes.character, uid: 0, gid, mtime: this.#now, major: 0, minor: 0 })
    }
  }

  /** Every node that is reachable, once; directories that no entry described with their path. */
  *nodes(): Generator<{ readonly node: ErofsNode; readonly path: ByteText | undefined }> {
    // A set is walked through in the order in which it grows, while it grows.
    const seen = new Set<ErofsNode>([this.root])
    for (const node of seen) {
      yield { node, path: node.children && this.#implied.get(node) }
      if (node.children) for (const child of node.children.values()) seen.add(child)
    }
  }

  #directory(parent: TreeDirectory | undefined): TreeDirectory {
    const gid = groupIn(parent)
    return { mode: fileTypes.directory | 0o755, uid: 0, gid, mtime: this.#now, children: new Map() }
  }
}
