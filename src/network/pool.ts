import { messageOf } from "../errors/failure.ts"
import type { Names } from "./names.ts"
import { dropNamespace, makeNamespaces, type NamespaceFeatures, type NewNamespace } from "./namespaces.ts"

/** At most this many namespaces come from one helper child. */
const largestBatch = 32
/** With this few left a refill starts at once; above, it lets the start that took the last one go first. */
const urgent = 2
const patience = 200
/** A refill this soon after the last one (milliseconds) means that many are wanted: it makes more. */
const brisk = 2000

/**
 * Things made from network namespaces, ready before somebody needs them. A take is a list operation; making happens in the
 * background, in batches, because most of its cost is the helper child's start (20 ms).
 */
export class NamespacePool<T> {
  readonly #folder: string
  readonly #names: Names
  readonly #size: number
  readonly #features: NamespaceFeatures
  readonly #most: number
  readonly #bound: (ready: number) => number
  readonly #prepare: (namespace: NewNamespace) => T
  readonly #log: (message: string) => void
  readonly #ready: T[] = []
  readonly #waiting: { readonly resolve: (item: T) => void; readonly reject: (error: unknown) => void }[] = []
  #refilling: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #filledAt = Number.NEGATIVE_INFINITY
  #closed = false

  /**
   * @param size how many are kept ready; refilled when half are used
   * @param most how many are made ready while they are taken fast; `size` when absent
   * @param bound how many may be ready at this moment, when `ready` are, whatever `size` and `most` say; no limit when absent
   * @param prepare configures a namespace; when it throws it has cleaned up behind it
   */
  constructor(options: {
    readonly folder: string
    readonly names: Names
    readonly size: number
    readonly features: NamespaceFeatures
    readonly most?: number
    readonly bound?: (ready: number) => number
    readonly prepare: (namespace: NewNamespace) => T
    readonly log: (message: string) => void
  }) {
    this.#folder = options.folder
    this.#names = options.names
    this.#size = options.size
    this.#features = options.features
    this.#most = Math.max(options.size, options.most ?? 0)
    this.#bound = options.bound ?? (() => Number.POSITIVE_INFINITY)
    this.#prepare = options.prepare
    this.#log = options.log
  }

  /** How many are ready. */
  get ready(): number {
    return this.#ready.length
  }

  /** The next ready one, at once; or one that is made for the caller. @throws what making it threw */
  async take(): Promise<T> {
    const item = this.#ready.shift()
    if (item !== undefined) {
      this.#schedule()
      return item
    }
    return await new Promise<T>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.refill()
    })
  }

  /** The ready one that satisfies `wanted`, or undefined. */
  takeMatching(wanted: (item: T) => boolean): T | undefined {
    const index = this.#ready.findIndex(wanted)
    if (index < 0) return undefined
    const [item] = this.#ready.splice(index, 1)
    this.#schedule()
    return item
  }

  /** Fills up to the size. Resolves when full, or when making failed (which is logged). */
  refill(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#refilling ??= this.#fill().finally(() => {
      this.#refilling = undefined
      if (this.#waiting.length > 0 && !this.#closed) this.refill()
    })
    return this.#refilling
  }

  /** Stops making and hands over what is left; waiting takes are refused. */
  async close(): Promise<readonly T[]> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#refilling
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the network is being closed"))
    return this.#ready.splice(0)
  }

  #schedule(): void {
    if (this.#closed || this.#timer || this.#ready.length * 2 > this.#size || this.#size === 0) return
    if (this.#ready.length <= urgent) {
      void this.refill()
      return
    }
    this.#timer = setTimeout(() => void this.refill(), patience)
    this.#timer.unref()
  }

  async #fill(): Promise<void> {
    const now = performance.now()
    const goal = now - this.#filledAt < brisk ? this.#most : this.#size
    this.#filledAt = now
    for (;;) {
      const ready = this.#ready.length
      const missing = this.#waiting.length + Math.max(0, Math.min(goal, this.#bound(ready)) - ready)
      if (missing <= 0 || this.#closed) return
      let unprepared: NewNamespace[] = []
      try {
        const names = Array.from({ length: Math.min(missing, largestBatch) }, () => this.#names.next())
        unprepared = await makeNamespaces(this.#folder, names, this.#features)
        for (let namespace = unprepared.shift(); namespace; namespace = unprepared.shift()) {
          this.#offer(this.#prepare(namespace))
          // Other work of this thread goes in between: one namespace takes about a millisecond.
          await new Promise((resolve) => setImmediate(resolve))
        }
      } catch (error) {
        for (const namespace of unprepared) dropNamespace(namespace.path, namespace)
        if (this.#waiting.length === 0) this.#log(`no network namespace could be made ahead: ${messageOf(error)}`)
        for (const { reject } of this.#waiting.splice(0)) reject(error)
        return
      }
    }
  }

  #offer(item: T): void {
    const waiter = this.#waiting.shift()
    if (waiter) waiter.resolve(item)
    else this.#ready.push(item)
  }
}
