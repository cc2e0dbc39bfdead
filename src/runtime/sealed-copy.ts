import { readFileSync, statSync } from "node:fs"
import { type MemoryProgram, memoryProgram } from "../linux/memory-file.ts"

/**
 * A sealed copy of a runtime program, in memory: crun protects itself against containers that overwrite it
 * (CVE-2019-5736) by starting a second time from such a copy, and does not when it is one already. That saves an exec
 * with all its libraries per start. Made with the first use, and again when the file is another one.
 */
export class SealedCopy implements Disposable {
  readonly #original: string
  #copy: MemoryProgram | undefined
  #copied = ""

  constructor(original: string) {
    this.#original = original
  }

  /** What to execute: the copy, or the file itself where the system forbids programs in memory. */
  path(): string {
    const { ino, size, mtimeMs } = statSync(this.#original)
    const identity = `${ino} ${size} ${mtimeMs}`
    if (this.#copied !== identity) this.#renew(identity)
    return this.#copy?.path ?? this.#original
  }

  #renew(identity: string): void {
    this[Symbol.dispose]()
    try {
      this.#copy = memoryProgram("crun", readFileSync(this.#original))
    } catch (error) {
      if ((error as { code?: string }).code !== "EACCES") throw error
    }
    this.#copied = identity
  }

  [Symbol.dispose](): void {
    this.#copy?.[Symbol.dispose]()
    this.#copy = undefined
  }
}
