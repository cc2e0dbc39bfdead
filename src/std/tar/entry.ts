/** What an entry of an archive is. Contiguous files and the types of old archives are told as `file`. */
export type TarType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo"

/** A stretch of stored data within a sparse file; what lies between stretches reads as zeros. Bytes. */
export interface SparseRegion {
  readonly offset: number
  readonly length: number
}

/** One member of an archive. Names are bytes as stored: they need not be UTF-8. */
export interface TarEntry {
  readonly name: Buffer
  readonly type: TarType
  /** Permission bits with set-user-ID, set-group-ID and sticky: the low twelve. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of the file as it reads, holes included; 0 for everything that is not a file. */
  readonly size: number
  /** Nanoseconds since the epoch; may be negative. */
  readonly mtime: bigint
  /** The target of a symbolic or hard link. */
  readonly linkName?: Buffer
  /** Major and minor of a device. */
  readonly major?: number
  readonly minor?: number
  /** Extended attributes by full name (`user.mime`, `security.capability`). */
  readonly xattrs?: ReadonlyMap<string, Buffer>
  /** Present for sparse files: where the stored data belongs, ascending. */
  readonly sparse?: readonly SparseRegion[]
}

/** Archives are made of blocks of this many bytes. */
export const blockSize = 512

/** The zeros that follow `size` bytes of data up to the next block. */
export const paddingOf = (size: number): number => (blockSize - (size % blockSize)) % blockSize
