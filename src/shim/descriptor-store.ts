import { closeSync } from "node:fs"
import { receiveDescriptors, sendDescriptors } from "../linux/scm-rights.ts"
import type { HeldDescriptors } from "./holder.ts"
import type { KeptDescriptors } from "./process.ts"

/** Messages of processes that have gone may be so many, and as many as there are others, before the store is tidied. */
const mostStale = 64

interface Stored {
  readonly key: string
  readonly names: readonly (keyof KeptDescriptors)[]
}

/**
 * Duplicates of processes' outputs and pidfds, as messages that wait in a socket which the {@link Holder} has open: they
 * live on when shim and daemon are killed. A process that has gone leaves its message until enough have come together.
 */
export class DescriptorStore {
  readonly #held: HeldDescriptors
  readonly #journal: (line: string) => void
  /** Processes whose messages are in the store. */
  readonly #stored = new Set<string>()
  #stale = 0

  constructor(held: HeldDescriptors, journal: (line: string) => void) {
    this.#held = held
    this.#journal = journal
  }

  /** Keeps duplicates of a process's descriptors. */
  keep(key: string, descriptors: KeptDescriptors): void {
    const { stdout, stderr, pidfd } = descriptors
    const own = Object.entries({ stdout, stderr, pidfd }).filter(
      (entry): entry is [string, number] => entry[1] !== undefined,
    )
    if (own.length === 0) return
    if (this.#stored.has(key)) this.#stale++
    this.#stored.add(key)
    this.#send(
      { key, names: own.map(([name]) => name as keyof KeptDescriptors) },
      own.map(([, descriptor]) => descriptor),
    )
  }

  release(key: string): void {
    if (!this.#stored.delete(key)) return
    this.#stale++
    if (this.#stale > mostStale + this.#stored.size) this.#tidy()
  }

  /** Whether descriptors of a process are in the store. */
  has(key: string): boolean {
    return this.#stored.has(key)
  }

  /**
   * Looks through what an earlier shim left.
   * @param wanted what to do with a process's descriptors: close them, leave them in the store, or give copies besides
   * @returns the copies, which become the caller's
   */
  recover(wanted: (key: string) => "close" | "leave" | "copy"): ReadonlyMap<string, KeptDescriptors> {
    const found = new Map<string, KeptDescriptors>()
    this.#rotate(({ key, names }, descriptors) => {
      const wish = this.#stored.has(key) ? "close" : wanted(key)
      if (wish === "close") return { stays: false, copied: false }
      this.#stored.add(key)
      if (wish === "leave") return { stays: true, copied: false }
      found.set(key, Object.fromEntries(names.map((name, index) => [name, descriptors[index]!])))
      return { stays: true, copied: true }
    })
    return found
  }

  /** Drops the messages of processes that have gone, and the earlier ones of others. */
  #tidy(): void {
    const wanted = new Set(this.#stored)
    this.#rotate(({ key }) => ({ stays: wanted.delete(key), copied: false }))
    this.#stale = 0
  }

  /** Takes every message out, and sends those that stay into the store again. */
  #rotate(visit: (stored: Stored, descriptors: readonly number[]) => { stays: boolean; copied: boolean }): void {
    // A message without descriptors would be received together with the next.
    this.#send({ key: "", names: [] }, [this.#held.stagingReader])
    for (;;) {
      const message = receiveDescriptors(this.#held.store)
      if (!message) return
      const { descriptors } = message
      const stored = JSON.parse(message.bytes.toString("utf8")) as Stored
      const isMark = stored.key === ""
      const { stays, copied } = isMark ? { stays: false, copied: false } : visit(stored, descriptors)
      if (stays) this.#send(stored, descriptors)
      if (!copied) for (const descriptor of descriptors) closeSync(descriptor)
      if (isMark) return
    }
  }

  #send(stored: Stored, descriptors: readonly number[]): void {
    try {
      if (sendDescriptors(this.#held.sender, Buffer.from(JSON.stringify(stored)), descriptors) !== undefined) return
      this.#journal(`descriptors of ${stored.key} are not kept: the store is full`)
    } catch (error) {
      this.#journal(`descriptors of ${stored.key} are not kept: ${(error as Error).message}`)
    }
  }
}
