import { fileTypes } from "../../linux/files.ts"
import { BeyondErofs, type ErofsNode } from "../../std/erofs/tree.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import type { TarSink } from "../../std/tar/parser.ts"
import type { TreeUsage } from "./contract.ts"
import { type ByteText, componentsOf } from "./entry-path.ts"
import { indexableXattrs } from "./index-xattrs.ts"
import { isTreeDirectory, isTreeWhiteout, LayerTree, makeOpaque, type TreeDirectory } from "./layer-tree.ts"
import { metadataPrefix, opaqueMarker, whiteoutPrefix } from "./whiteout-names.ts"

/** The tree is in memory while it is indexed: what has more entries, or more bytes of names and attributes, is unpacked. */
const mostEntries = 500_000
const mostText = 64 << 20

/** Longer targets are refused by file systems (PATH_MAX). */
const longestTarget = 4095

/** What times ext4 can say. Seconds */
const earliest = -(2n ** 31n)
const latest = 2n ** 34n - 2n ** 31n
const second = 1_000_000_000n

/**
 * Builds the tree that {@link LayerExtractor} would write, without writing it: files only say where in the archive their data is. What is
 * out of the ordinary, and so everything that the extractor would refuse, is left to the extractor.
 */
export class LayerIndexer implements TarSink {
  readonly #tree: LayerTree
  #entries = 0
  #text = 0

  /** @param now nanoseconds since the epoch */
  constructor(now: bigint) {
    this.#tree = new LayerTree(now)
  }

  /** @throws BeyondErofs for what has to be unpacked; invalidArgument as the extractor */
  entry(entry: TarEntry, at: number): void {
    if (++this.#entries > mostEntries) throw new BeyondErofs(`more than ${mostEntries} entries`)
    const components = componentsOf(entry.name)
    if (components.some((part) => part.startsWith(metadataPrefix) && part !== opaqueMarker)) return
    const name = components.pop()
    if (name === undefined) {
      if (entry.type !== "directory") throw new BeyondErofs(`a root that is a ${entry.type}`)
      this.#describe(this.#tree.describeRoot(), entry)
      return
    }
    if (components.some((part) => part.startsWith(whiteoutPrefix))) throw new BeyondErofs("an entry below a whiteout")
    this.#text += name.length
    const device0 = entry.type === "character" && entry.major === 0 && entry.minor === 0
    if (name === opaqueMarker) this.#opaque(components)
    else if (name.startsWith(whiteoutPrefix)) this.#whiteout(components, name.slice(whiteoutPrefix.length))
    else if (device0) this.#whiteout(components, name)
    else this.#make(entry, at, this.#tree.at(components), name)
  }

  data(): void {}

  end(): void {}

  get root(): ErofsNode {
    return this.#tree.root
  }

  /** What the tree holds, counted as {@link UsageCounter} does, and its directories that no entry described; the root's path is empty. */
  contents(): {
    readonly usage: TreeUsage
    readonly implied: readonly { readonly path: ByteText; readonly node: ErofsNode }[]
  } {
    let size = 0
    let inodes = 0
    const implied: { path: ByteText; node: ErofsNode }[] = []
    for (const { node, path } of this.#tree.nodes()) {
      size += node.size ?? node.target?.length ?? 0
      inodes++
      if (path !== undefined) implied.push({ path, node })
    }
    return { usage: { size, inodes }, implied }
  }

  #make(entry: TarEntry, at: number, parent: TreeDirectory, name: ByteText): void {
    switch (entry.type) {
      case "directory":
        this.#describe(this.#tree.describe(parent, name), entry)
        return
      case "hardlink":
        this.#hardLink(entry, parent, name)
        return
      case "file":
        if (entry.sparse) throw new BeyondErofs("a sparse file")
        this.#put(parent, name, entry, { size: entry.size, dataAt: at })
        return
      case "symlink": {
        const target = entry.linkName!
        if (target.length === 0 || target.length > longestTarget) {
          throw new BeyondErofs(`a link of ${target.length} bytes`)
        }
        this.#text += target.length
        this.#put(parent, name, entry, { target: Buffer.from(target) })
        return
      }
      default: {
        const { major = 0, minor = 0 } = entry
        if (major > 0xfff || minor > 0xfffff) throw new BeyondErofs(`device ${major}:${minor}`)
        this.#put(parent, name, entry, { major, minor })
      }
    }
  }

  #put(parent: TreeDirectory, name: ByteText, entry: TarEntry, more: Partial<ErofsNode>): void {
    const node: ErofsNode = { mode: 0, uid: 0, gid: 0, mtime: 0n, ...more }
    this.#describe(node, entry)
    this.#tree.put(parent, name, node)
  }

  /** Gives a node what the entry says of it; attributes that a directory has already stay. */
  #describe(node: ErofsNode, entry: TarEntry): void {
    if (entry.mtime < earliest * second || entry.mtime >= latest * second) throw new BeyondErofs("an impossible time")
    // Nobody can give a symbolic link another mode.
    node.mode = fileTypes[entry.type as keyof typeof fileTypes] | (entry.type === "symlink" ? 0o777 : entry.mode)
    node.uid = entry.uid
    node.gid = entry.gid
    node.mtime = entry.mtime
    if (entry.xattrs) this.#attributes(node, entry)
    if (this.#text > mostText) throw new BeyondErofs(`more than ${mostText} bytes of names and attributes`)
  }

  #attributes(node: ErofsNode, entry: TarEntry): void {
    for (const [key, value] of indexableXattrs(entry)) {
      node.xattrs ??= new Map()
      node.xattrs.set(key, value)
      this.#text += key.length + value.length
    }
  }

  #hardLink(entry: TarEntry, parent: TreeDirectory, name: ByteText): void {
    const components = componentsOf(entry.linkName!)
    const targetName = components.pop()
    const target = targetName === undefined ? undefined : this.#tree.find(components)?.children.get(targetName)
    if (!target || isTreeDirectory(target) || isTreeWhiteout(target)) throw new BeyondErofs("an impossible hard link")
    const present = parent.children.get(name)
    if (present === target) return
    if (isTreeDirectory(present)) throw new BeyondErofs("a hard link in place of a directory")
    this.#tree.put(parent, name, target)
  }

  #whiteout(parents: readonly ByteText[], name: ByteText): void {
    if (name === "" || name === "." || name === "..") throw new BeyondErofs("an impossible whiteout")
    this.#tree.whiteout(this.#tree.at(parents), name)
  }

  #opaque(path: readonly ByteText[]): void {
    makeOpaque(this.#tree.at(path))
  }
}
