import { closeSync } from "node:fs"
import { messageOf } from "../errors/failure.ts"
import { receiveDescriptors, sendDescriptors } from "../linux/scm-rights.ts"
import { newId } from "../std/id.ts"
import type { HeldDescriptors } from "./held-descriptors.ts"

/** Descriptors by what they are called. */
export type NamedDescriptors = Readonly<Record<string, number>>

/** What to do with what an earlier shim kept: close it, leave it in the store, or give copies besides. */
export type Wish = "close" | "leave" | "copy"

/** Messages of processes that have gone may be so many, and as many as there are others, before the store is tidied. */
const mostStale = 64

/** How the key of a message begins that ends a rotation. No process has such a key. */
const mark = "\n"

interface Stored {
  readonly key: string
  readonly names: readonly string[]
  /** Grows with every message: the greatest of a key tells its latest. Messages of earlier builds have none. */
  readonly number?: number
}

/** What becomes of a message that was looked at, and whether its descriptors now belong to the one who looked. */
interface Verdict {
  readonly stays: boolean
  readonly taken: boolean
}

const dropped: Verdict = { stays: false, taken: false }

/**
 * Duplicates of processes' outputs and pidfds, as messages that wait in a socket which
 * the holder has open: they
 * live on when shim and daemon are killed. A process that has gone leaves its message until enough have come together; one
 * that was started again leaves that of its life before.
 */
export class DescriptorStore {
  readonly #held: HeldDescriptors
  readonly #journal: (line: string) => void
  /** The number of the latest message of each process. */
  readonly #stored = new Map<string, number>()
  #next = 1
  #stale = 0

  constructor(held: HeldDescriptors, journal: (line: string) => void) {
    this.#held = held
    this.#journal = journal
  }

  /** Keeps duplicates of descriptors by a key; those that were kept by it before go. */
  keep(key: string, descriptors: NamedDescriptors): void {
    const numbers = Object.values(descriptors)
    if (numbers.length === 0) return
    if (this.#stored.has(key)) this.#stale++
    const number = this.#next++
    this.#stored.set(key, number)
    if (!this.#send({ key, names: Object.keys(descriptors), number }, numbers))
      this.#journal(`descriptors of ${key} are not kept: the store is full`)
  }

  release(key: string): void {
    if (!this.#stored.delete(key)) return
    this.#stale++
    if (this.#stale > mostStale + this.#stored.size) this.#tidy()
  }

  /** Whether something is kept by the key. */
  has(key: string): boolean {
    return this.#stored.has(key)
  }

  /**
   * Looks through what an earlier shim left.
   * @returns the copies that `wanted` wished for, which become the caller's
   */
  recover(wanted: (key: string) => Wish): ReadonlyMap<string, NamedDescriptors> {
    const found = new Map<string, NamedDescriptors>()
    this.#rotate(({ key, names, number = 0 }, descriptors) => {
      this.#next = Math.max(this.#next, number + 1)
      const wish = wanted(key)
      if (wish === "close") return dropped
      const known = this.#stored.get(key)
      if (known !== undefined) this.#stale++
      if (known !== undefined && known >= number) return dropped
      this.#stored.set(key, number)
      if (wish === "leave") return { stays: true, taken: false }
      closeAll(Object.values(found.get(key) ?? {}))
      found.set(key, Object.fromEntries(names.map((name, index) => [name, descriptors[index]!])))
      return { stays: true, taken: true }
    })
    return found
  }

  /** Drops the messages of processes that have gone, and the earlier ones of others. */
  #tidy(): void {
    this.#rotate(({ key, number = 0 }) => ({ stays: this.#stored.get(key) === number, taken: false }))
    this.#stale = 0
  }

  /**
   * Visits every message once. One that stays is sent into the store again before it is taken out at the front, so that a
   * process which is killed in between leaves it twice and not lost.
   */
  #rotate(visit: (stored: Stored, descriptors: readonly number[]) => Verdict): void {
    const end = newId()
    // A message without descriptors would be received together with the next.
    this.#send({ key: `${mark}${end}`, names: [] }, [this.#held.stagingReader])
    for (;;) {
      const message = receiveDescriptors(this.#held.store, { peek: true })
      if (!message) return
      const { bytes, descriptors } = message
      const stored = JSON.parse(bytes.toString("utf8")) as Stored
      // That of a rotation which was cut off is not the end of this one.
      const isMark = stored.key.startsWith(mark)
      const { stays, taken } = isMark ? dropped : visit(stored, descriptors)
      const sent = stays && this.#send(stored, descriptors)
      this.#takeOut()
      if (stays && !sent) this.#send(stored, descriptors)
      if (!taken) closeAll(descriptors)
      if (isMark && stored.key === `${mark}${end}`) return
    }
  }

  /** Takes the message at the front out. */
  #takeOut(): void {
    closeAll(receiveDescriptors(this.#held.store)?.descriptors ?? [])
  }

  /** @returns whether there was room */
  #send(stored: Stored, descriptors: readonly number[]): boolean {
    try {
      return sendDescriptors(this.#held.sender, Buffer.from(JSON.stringify(stored)), descriptors) !== undefined
    } catch (error) {
      this.#journal(`descriptors of ${stored.key} are not kept: ${messageOf(error)}`)
      return false
    }
  }
}

function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor)
}
