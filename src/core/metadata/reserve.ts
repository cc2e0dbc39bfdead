import type { Database } from "bun:sqlite"
import { statfsSync, statSync } from "node:fs"

/** Pages of a full-sized reserve: 2 MiB. Small disks get less, see {@link reservedPages}. */
const most = 512
const least = 32
const pageBytes = 4096
/** Bytes that SQLite puts before each page in the WAL, and before all of them (SQLite file format, section 4.1). */
const frameHeader = 24
const walHeader = 32

/**
 * Disk space that belongs to the database: as many free pages inside its file as allocated pages in its WAL, which is
 * never truncated. Nobody else can take it, so records can be changed and removed on a full disk. Additions stop when
 * half of it is used ({@link lacks}); the rest is for what has to be recorded on the way to freeing space.
 * On copy-on-write file systems (btrfs, zfs) overwriting needs new space all the same: there it is no guarantee.
 */
export class DatabaseReserve {
  readonly #database: Database
  readonly #path: string
  readonly #pages: number

  constructor(database: Database, path: string) {
    this.#database = database
    this.#path = path
    this.#pages = reservedPages(path)
    // The WAL starts over before a transaction could make it longer than what is allocated.
    database.run(`PRAGMA wal_autocheckpoint = ${Math.floor((this.#pages * 3) / 4)}`)
  }

  /** Whether additions have used up their half. */
  get lacks(): boolean {
    return this.#free < this.#pages / 2
  }

  /**
   * Allocates what is missing. Costs one look at two numbers when nothing is.
   * @throws SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR as SQLite says them; then nothing has changed
   */
  fill(): void {
    const missing = this.#walAllocated ? this.#pages - this.#free : this.#pages
    if (missing < this.#pages / 4) return
    this.#database.run("INSERT INTO reserve (filler) VALUES (zeroblob(?))", [this.#pages * pageBytes])
    // Pages that are freed before the checkpoint would be holes in the file instead of blocks on the disk.
    this.#database.run("PRAGMA wal_checkpoint")
    this.#database.run("DELETE FROM reserve")
  }

  get #free(): number {
    const { freelist_count } = this.#database.query("PRAGMA freelist_count").get() as { freelist_count: bigint }
    return Number(freelist_count)
  }

  get #walAllocated(): boolean {
    const { size } = statSync(`${this.#path}-wal`)
    return size >= walHeader + this.#pages * (frameHeader + pageBytes)
  }
}

/** A 64th of the disk, within bounds. */
function reservedPages(path: string): number {
  const { blocks, bsize } = statfsSync(path)
  return Math.max(least, Math.min(most, Math.floor((blocks * bsize) / 64 / pageBytes)))
}
