import { Failure } from "../errors/failure.ts"

/** Docker's default: ctrl-p, ctrl-q. */
export const defaultDetachKeys: Uint8Array = Uint8Array.of(16, 17)

/** Turns Docker's notation (`ctrl-p,ctrl-q`, `a`, `ctrl-[`) into bytes. @throws invalidArgument in Docker's words */
export function parseDetachKeys(text: string | undefined): Uint8Array {
  if (!text) return defaultDetachKeys
  const bytes = text.split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0)
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1]
    if (control === undefined) throw new Failure("invalidArgument", `Invalid detach keys (${text}) provided`)
    return control === "@" ? 0 : control.charCodeAt(0) & 31
  })
  return Uint8Array.from(bytes)
}

/**
 * Looks for the detach sequence in what a user types, over the borders of chunks. Bytes that might begin the sequence are
 * held back until it is clear that they do not.
 */
export class DetachWatch {
  readonly #keys: Uint8Array
  #matched = 0

  constructor(keys: Uint8Array) {
    this.#keys = keys
  }

  /** @returns what goes on to the process, and whether the sequence is complete */
  feed(chunk: Uint8Array): { readonly bytes: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { bytes: chunk, detached: false }
    if (this.#matched === 0 && !chunk.includes(this.#keys[0]!)) return { bytes: chunk, detached: false }
    const out: number[] = []
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++
        if (this.#matched === this.#keys.length) {
          this.#matched = 0
          return { bytes: Uint8Array.from(out), detached: true }
        }
        continue
      }
      for (let held = 0; held < this.#matched; held++) out.push(this.#keys[held]!)
      this.#matched = byte === this.#keys[0] ? 1 : 0
      if (this.#matched === 0) out.push(byte)
      else if (this.#keys.length === 1) return { bytes: Uint8Array.from(out), detached: true }
    }
    return { bytes: Uint8Array.from(out), detached: false }
  }
}
