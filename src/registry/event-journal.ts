import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs"

/** Lines of the file that are of no use any more before it is written anew. */
const mostStale = 1000

/**
 * Notifications that wait for one address, in a file with a line for each, so that they outlive the process. What was delivered
 * shortly before a crash may be delivered again: receivers know notifications by their `id`.
 */
export class EventJournal {
  readonly #path: string
  readonly #longest: number
  #waiting: string[]
  /** The number of the first that waits, of all that ever came. */
  #first = 0
  /** Lines of the file that do not wait any more. */
  #stale = 0

  /** @param longest how many may wait; older ones are given up for newer */
  constructor(path: string, longest: number) {
    this.#path = path
    this.#longest = longest
    const text = existsSync(path) ? readFileSync(path, "utf8") : ""
    // The last line may have been cut short by a crash.
    this.#waiting = text.split("\n").filter(isJson).slice(-longest)
    if (text !== this.#lines()) this.#rewrite()
  }

  get length(): number {
    return this.#waiting.length
  }

  /** @returns whether an older one had to go for it */
  push(event: object): boolean {
    const line = JSON.stringify(event)
    this.#waiting.push(line)
    appendFileSync(this.#path, `${line}\n`, { mode: 0o600 })
    if (this.#waiting.length <= this.#longest) return false
    this.forget(this.#first + 1)
    return true
  }

  /** The oldest, up to `count`, and the number to tell {@link forget} when they are done with. */
  next(count: number): { readonly events: readonly string[]; readonly upTo: number } {
    const events = this.#waiting.slice(0, count)
    return { events, upTo: this.#first + events.length }
  }

  /** What came before number `upTo` does not wait any more. */
  forget(upTo: number): void {
    const done = Math.max(0, upTo - this.#first)
    this.#waiting.splice(0, done)
    this.#first += done
    this.#stale += done
    if (this.#waiting.length === 0) {
      if (existsSync(this.#path)) truncateSync(this.#path)
      this.#stale = 0
    } else if (this.#stale > mostStale) this.#rewrite()
  }

  #lines(): string {
    return this.#waiting.map((line) => `${line}\n`).join("")
  }

  #rewrite(): void {
    writeFileSync(`${this.#path}.new`, this.#lines(), { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
    this.#stale = 0
  }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}
