import { closeSync, fdatasync, fsyncSync, openSync, writeSync } from "node:fs"
import { dirname } from "node:path"

/**
 * Flushes the WAL beside SQLite, on another thread: a commit is durable once the WAL that holds it is. This spares the
 * daemon's one thread the wait that `synchronous = FULL` means, and lets changes made at the same time share a flush.
 */
export class WalFlush implements Disposable {
  readonly #descriptor: number
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** @param wal an existing WAL; its name is made durable here */
  constructor(wal: string) {
    this.#descriptor = openSync(wal, "r+")
    const directory = openSync(dirname(wal), "r")
    fsyncSync(directory)
    closeSync(directory)
  }

  /** Resolves when everything written before the call is on the disk. @throws what the disk says (EIO) */
  run(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#sync()
      return this.#running
    }
    // The flush under way may have begun before the caller's change.
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.run()
      })
    return this.#next
  }

  /**
   * Empties a log whose every change is in the database, and keeps its blocks: a log with valid pages would be applied to
   * whatever database is put back from a backup. Call after SQLite has closed the log.
   */
  empty(): void {
    writeSync(this.#descriptor, new Uint8Array(32), 0, 32, 0)
  }

  #sync(): Promise<void> {
    return new Promise<void>((done, failed) => {
      fdatasync(this.#descriptor, (error) => (error ? failed(error) : done()))
    }).finally(() => {
      this.#running = undefined
    })
  }

  [Symbol.dispose](): void {
    const close = () => closeSync(this.#descriptor)
    if (this.#running) void this.#running.then(close, close)
    else close()
  }
}
