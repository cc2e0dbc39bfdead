import type { LogTrouble } from "./writer.ts"

/** Counts output that found no room, and tells each episode once at its start and once at its end. */
export class Losses {
  readonly #trouble: LogTrouble
  #lost = 0

  constructor(trouble: LogTrouble) {
    this.#trouble = trouble
  }

  /** Runs `append` for `length` bytes of output. @returns false when it failed; the bytes are then counted as lost */
  attempt(length: number, append: () => void): boolean {
    try {
      append()
      return true
    } catch (error) {
      const first = this.#lost === 0
      this.#lost += length
      if (first) this.#trouble({ recovered: false, lost: length, why: (error as Error).message })
      return false
    }
  }

  /** Writes the marker for what was lost, by `append`, if there is something to mark. @returns false when that fails too */
  settle(append: (lost: number) => void): boolean {
    if (this.#lost === 0) return true
    try {
      append(this.#lost)
    } catch {
      return false
    }
    this.#trouble({ recovered: true, lost: this.#lost })
    this.#lost = 0
    return true
  }

  add(length: number): void {
    this.#lost += length
  }
}
