import { attributesCount, attributesLength, writeAttributes } from "./attributes.ts"
import { directoryLength, type ErofsName, namesOf, writeDirectory } from "./directory.ts"
import { BeyondErofs, type ErofsNode, erofsBlock, typeOf } from "./tree.ts"

/** Where the superblock lies, its device slot behind it, and the first block after both. */
const superblock = 1024
const deviceSlot = superblock + 128
const firstInodeBlock = 3

/** Inodes are numbered by where they lie, in units of this. */
const slot = 32
const inodeLength = 64
const chunkLength = 8

/** Longer names of directories and targets of links get blocks of their own; shorter ones follow their inode. */
const longestTail = 256

const layouts = { plain: 0, inline: 2, chunks: 4 } as const

/** Chunks are of 512 bytes up to this power of two: a file is one chunk. */
const largestChunk = 31

interface Place {
  readonly node: ErofsNode
  /** Bytes from the first inode block. */
  readonly at: number
  readonly attributes: number
  readonly layout: number
  links: number
  /** Bytes of names or target. */
  readonly length: number
  readonly names?: readonly ErofsName[]
  /** The first block of what does not follow the inode. */
  block: number
}

export interface ErofsImage {
  readonly bytes: Buffer
  /** Where a node's inode lies within the image. */
  inodeAt(node: ErofsNode): number
}

/**
 * Encodes a tree as an EROFS image (Linux's documentation, filesystems/erofs) that holds everything but the data of files: these
 * are on a second device, which the mount names with `device=`. A tar can be that: its members begin at multiples of 512 bytes.
 * @param options.dataLength bytes of that device
 * @param options.uuid sixteen bytes by which an overlay tells file systems apart
 * @throws BeyondErofs
 */
export function encodeErofs(
  root: ErofsNode,
  options: { readonly dataLength: number; readonly uuid: Uint8Array },
): ErofsImage {
  const layout = new Layout(root)
  const blocks = layout.placeData()
  if (blocks > 0xffff_ffff) throw new BeyondErofs("more than 2 TiB of names")
  const dataBlocks = Math.ceil(options.dataLength / erofsBlock)
  if (dataBlocks > 0xffff_ffff) throw new BeyondErofs(`${options.dataLength} bytes of data`)
  const bytes = Buffer.alloc(blocks * erofsBlock)
  const inodes = firstInodeBlock * erofsBlock
  let number = 0
  for (const place of layout.places) writeInode(bytes, inodes + place.at, place, ++number)
  bytes.writeUInt32LE(0xe0f5e1e2, superblock)
  bytes[superblock + 12] = Math.log2(erofsBlock)
  bytes.writeUInt16LE(layout.nid(root), superblock + 14)
  bytes.writeBigUInt64LE(BigInt(layout.places.length), superblock + 16)
  bytes.writeUInt32LE(blocks, superblock + 36)
  bytes.writeUInt32LE(firstInodeBlock, superblock + 40)
  bytes.set(options.uuid, superblock + 48)
  // Incompatible features: files in chunks, further devices.
  bytes.writeUInt32LE(0x4 | 0x8, superblock + 80)
  bytes.writeUInt16LE(1, superblock + 86)
  bytes.writeUInt16LE(deviceSlot / 128, superblock + 88)
  bytes.writeUInt32LE(dataBlocks, deviceSlot + 64)
  return { bytes, inodeAt: (node) => inodes + layout.nid(node) * slot }
}

/** Decides where everything lies. */
class Layout {
  readonly places: Place[] = []
  readonly #places = new Map<ErofsNode, Place>()
  /** Number 0 stays free: as an inode's number it would mean that there is none. */
  #next = slot

  constructor(root: ErofsNode) {
    this.#place(root, root)
    const directories = [root]
    for (let directory = directories.pop(); directory; directory = directories.pop()) {
      const own = this.#places.get(directory)!
      // What a directory holds lies together: it is read together.
      for (const child of directory.children!.values()) {
        const known = this.#places.get(child)
        if (known) known.links++
        else {
          this.#place(child, directory)
          if (!child.children) continue
          own.links++
          directories.push(child)
        }
      }
    }
  }

  readonly nid = (node: ErofsNode): number => this.#places.get(node)!.at / slot

  /** Gives blocks to what does not follow its inode. @returns how many blocks there are then */
  placeData(): number {
    let block = firstInodeBlock + Math.ceil(this.#next / erofsBlock)
    for (const place of this.places) {
      if (place.layout !== layouts.plain || place.length === 0) continue
      place.block = block
      block += Math.ceil(place.length / erofsBlock)
    }
    return block
  }

  #place(node: ErofsNode, parent: ErofsNode): void {
    const attributes = attributesLength(node)
    const head = inodeLength + attributes
    const names = node.children && namesOf(node, parent, this.nid)
    const length = names ? directoryLength(names) : (node.target?.length ?? 0)
    let layout: number = layouts.plain
    let size = head
    if (node.size) {
      layout = layouts.chunks
      size = aligned(head, chunkLength) + chunkLength
    } else if (length > 0 && length <= longestTail) {
      layout = layouts.inline
      size = head + length
      // A tail must not lie across two blocks.
      while (((this.#next + head) % erofsBlock) + length > erofsBlock) this.#next += slot
    }
    const links = node.children ? 2 : 1
    const place: Place = {
      node,
      at: this.#next,
      attributes,
      layout,
      links,
      length,
      ...(names ? { names } : {}),
      block: 0,
    }
    this.#next = aligned(this.#next + size, slot)
    this.#places.set(node, place)
    this.places.push(place)
  }
}

const aligned = (length: number, unit: number): number => Math.ceil(length / unit) * unit

function writeInode(image: Buffer, at: number, place: Place, number: number): void {
  const { node, attributes, layout } = place
  const extended = 1
  image.writeUInt16LE(extended | (layout << 1), at)
  image.writeUInt16LE(attributesCount(attributes), at + 2)
  image.writeUInt16LE(node.mode, at + 4)
  image.writeBigUInt64LE(BigInt(node.size ?? place.length), at + 8)
  image.writeUInt32LE(unionOf(place), at + 16)
  image.writeUInt32LE(number, at + 20)
  writeOwnership(image, at, node)
  image.writeUInt32LE(place.links, at + 44)
  if (attributes > 0) writeAttributes(image, at + inodeLength, node)
  const behind = at + inodeLength + attributes
  if (layout === layouts.chunks) {
    const index = aligned(behind, chunkLength)
    image.writeUInt16LE(1, index + 2)
    image.writeUInt32LE(node.dataAt! / erofsBlock, index + 4)
    return
  }
  const data = layout === layouts.inline ? behind : place.block * erofsBlock
  if (place.names) writeDirectory(image, data, place.names)
  else if (node.target) image.set(node.target, data)
}

/** What the inode's union means for its type and layout. */
function unionOf({ node, layout, block }: Place): number {
  if (layout === layouts.chunks) return chunkBits(node.size!) | 0x20
  const type = typeOf(node)
  if (type === 3 || type === 4) {
    const { major = 0, minor = 0 } = node
    return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
  }
  return block
}

/** The power of two, in blocks, that holds `size` bytes. @throws BeyondErofs */
function chunkBits(size: number): number {
  let bits = 0
  while (erofsBlock * 2 ** bits < size) bits++
  if (bits > largestChunk) throw new BeyondErofs(`a file of ${size} bytes`)
  return bits
}

/** Bytes at the beginning of an image that {@link expectedLengths} needs. */
export const headLength = firstInodeBlock * erofsBlock

/** How long an image and the data that it points at have to be at least, by the image's first bytes. Bytes, to a block */
export function expectedLengths(head: Buffer): { readonly image: number; readonly data: number } {
  return {
    image: head.readUInt32LE(superblock + 36) * erofsBlock,
    data: Math.max(0, head.readUInt32LE(deviceSlot + 64) - 1) * erofsBlock + 1,
  }
}

/** Writes mode, owner and time over those of the inode at `at`: nothing else of an image depends on them. */
export function writeOwnership(
  image: Buffer,
  at: number,
  { mode, uid, gid, mtime }: Pick<ErofsNode, "mode" | "uid" | "gid" | "mtime">,
): void {
  const nanos = ((mtime % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  image.writeUInt16LE(mode, at + 4)
  image.writeUInt32LE(uid, at + 24)
  image.writeUInt32LE(gid, at + 28)
  image.writeBigInt64LE((mtime - nanos) / 1_000_000_000n, at + 32)
  image.writeUInt32LE(Number(nanos), at + 40)
}

/** Bytes of an inode that {@link writeOwnership} may touch. */
export const ownershipLength = inodeLength
