/** Text in which each character is one byte (latin1): names need not be UTF-8. */
type ByteText = string

/** One inode of an image. A node that stands at several places of the tree is one file with several names. */
export interface ErofsNode {
  /** Type and permission bits, as in `st_mode`. */
  mode: number
  uid: number
  gid: number
  /** Nanoseconds since the epoch; may be negative. */
  mtime: bigint
  /** Extended attributes by full name: `user.*`, `trusted.*`, `security.*`. */
  xattrs?: Map<string, Uint8Array>
  /** Files: bytes, and where they begin on the data device (a multiple of {@link erofsBlock}). */
  size?: number
  dataAt?: number
  /** Symbolic links. */
  target?: Uint8Array
  /** Devices. */
  major?: number
  minor?: number
  /** Directories. */
  children?: Map<ByteText, ErofsNode>
}

/** Images are made of blocks of this size, so that they can point at any member of a tar. Bytes. */
export const erofsBlock = 512

/** What the format cannot say, or not in reasonable space. */
export class BeyondErofs extends Error {
  constructor(what: string) {
    super(what)
    this.name = "BeyondErofs"
  }
}

/** Types in `st_mode`, and what directory entries call them. */
export const nodeTypes = new Map([
  [0o100000, 1],
  [0o040000, 2],
  [0o020000, 3],
  [0o060000, 4],
  [0o010000, 5],
  [0o140000, 6],
  [0o120000, 7],
])

export const typeOf = (node: ErofsNode): number => nodeTypes.get(node.mode & 0o170000) ?? 0
