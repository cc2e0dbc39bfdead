import { closeSync } from "node:fs"
import { copyDescriptor } from "../linux/pidfd.ts"

/** Descriptors that clients want to outlive them: copies of theirs, by a word that they chose. */
export type Held = Readonly<Record<string, readonly number[]>>

/**
 * Keeps clients' descriptors open while no client lives, sockets with what waits in them. Nothing is read from them here; a
 * client that comes back copies them from this process.
 */
export class Holdings {
  readonly #held: Map<string, readonly number[]>

  /** @param held from an earlier image */
  constructor(held: Held) {
    this.#held = new Map(Object.entries(held))
  }

  /** Copies a living process's descriptors. What was held by the key is closed. @throws SystemError */
  hold(key: string, pid: number, descriptors: readonly number[]): void {
    const copies: number[] = []
    try {
      for (const descriptor of descriptors) copies.push(copyDescriptor(pid, descriptor))
    } catch (error) {
      for (const copy of copies) closeSync(copy)
      throw error
    }
    this.release(key)
    this.#held.set(key, copies)
  }

  release(key: string): void {
    for (const descriptor of this.#held.get(key) ?? []) closeSync(descriptor)
    this.#held.delete(key)
  }

  all(): Held {
    return Object.fromEntries(this.#held)
  }
}
