import { randomBytes } from "node:crypto"
import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { whyNoRoom } from "./full-disk.ts"

/** File systems that write changed blocks to new places (statfs(2), f_type): btrfs, ZFS, bcachefs. */
const copyOnWrite = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e])

const size = 4 << 20

/**
 * Room for the changes by which space is freed, on file systems that write changed blocks to new places: there the pages
 * that the database owns are no help. A file beside the database, which goes when a removal finds no room.
 * On other file systems there is none.
 */
export class ReserveFile {
  readonly #path: string
  readonly #wanted: boolean
  #filled: boolean

  /** @param database its path */
  constructor(database: string) {
    this.#path = `${database}.reserve`
    this.#wanted = copyOnWrite.has(statfsSync(dirname(database)).type)
    this.#filled = (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) >= size
  }

  /** Whether it has been given up, or could not be made. */
  get lacks(): boolean {
    return this.#wanted && !this.#filled
  }

  /** Makes it if it is wanted and not there. @throws what the file system says; then it takes no room */
  fill(): void {
    if (!this.lacks) return
    try {
      // Compression makes nothing of these.
      writeFileSync(this.#path, randomBytes(size), { mode: 0o600, flush: true })
      this.#filled = true
    } catch (error) {
      rmSync(this.#path, { force: true })
      throw error
    }
  }

  /** Gives its room up to a daemon that starts on a full disk. @returns whether it did */
  releaseIfFull(): boolean {
    return this.#filled && whyNoRoom(dirname(this.#path)) !== undefined && this.release()
  }

  /** Gives its room up. @returns false when there was none */
  release(): boolean {
    if (!this.#filled) return false
    // To cut a file may need room itself (btrfs).
    rmSync(this.#path, { force: true })
    this.#filled = false
    return true
  }
}
