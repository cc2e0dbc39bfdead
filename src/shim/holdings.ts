import { closeSync } from "node:fs"
import { copyDescriptor } from "../linux/pidfd.ts"
import type { DescriptorStore, NamedDescriptors, Wish } from "./descriptor-store.ts"

/** Descriptors that clients want to outlive them: copies of theirs, by a word that they chose. */
export type Held = Readonly<Record<string, readonly number[]>>

/** How keys of clients' descriptors begin in the store. No process has such a key. */
const prefix = "held "

/**
 * Keeps clients' descriptors open while no client lives, sockets with what waits in them; in the store they outlive this
 * process too. Nothing is read from them here; a client that comes back copies them from this process.
 */
export class Holdings {
  readonly #held: Map<string, readonly number[]>

  readonly #store: DescriptorStore

  /** @param held from an earlier image */
  constructor(held: Held, store: DescriptorStore) {
    this.#held = new Map(Object.entries(held))
    this.#store = store
  }

  /** What to do with an entry of the store; undefined when it is not a client's. */
  wish(storeKey: string): Wish | undefined {
    if (!storeKey.startsWith(prefix)) return undefined
    return this.#held.has(storeKey.slice(prefix.length)) ? "leave" : "copy"
  }

  /**
   * Takes what {@link wish} asked for. What was released just before may be among it: the client that comes releases it again.
   * @param stored copies, of which the clients' become this object's
   */
  recover(stored: ReadonlyMap<string, NamedDescriptors>): void {
    for (const [key, descriptors] of stored)
      if (key.startsWith(prefix)) this.#held.set(key.slice(prefix.length), Object.values(descriptors))
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
    this.#store.keep(`${prefix}${key}`, Object.fromEntries(copies.entries()))
  }

  release(key: string): void {
    for (const descriptor of this.#held.get(key) ?? []) closeSync(descriptor)
    if (this.#held.delete(key)) this.#store.release(`${prefix}${key}`)
  }

  all(): Held {
    return Object.fromEntries(this.#held)
  }
}
