import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs"
import { redirect } from "../linux/descriptor.ts"
import { formatNanos, nowNanos } from "../std/clock.ts"

/** Beyond this size the journal begins anew, and the old one is kept beside it. */
const maxSize = 1024 * 1024

/** The shim's own log file, which is also its stdout and stderr: what a crash prints gets there too. */
export class Journal {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.#open()
  }

  line(text: string): void {
    try {
      writeSync(2, `${formatNanos(nowNanos())} ${text}\n`)
      if (fstatSync(2).size > maxSize) {
        renameSync(this.#path, `${this.#path}.1`)
        this.#open()
      }
    } catch {
      // A full disk: nowhere to say so.
    }
  }

  #open(): void {
    const descriptor = openSync(this.#path, "a", 0o600)
    redirect(descriptor, 1)
    redirect(descriptor, 2)
    closeSync(descriptor)
  }
}
