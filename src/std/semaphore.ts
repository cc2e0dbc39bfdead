/** Lets at most `slots` holders in at a time, first come first served. With one slot it is a mutex. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(slots: number) {
    this.#free = slots
  }

  /** Waits for a slot. Release it by disposing: `using _ = await semaphore.acquire()`. */
  async acquire(): Promise<Disposable> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        const next = this.#waiting.shift()
        if (next) next()
        else this.#free++
      },
    }
  }

  /** Runs `task` while holding a slot. */
  async run<T>(task: () => Promise<T> | T): Promise<T> {
    using _slot = await this.acquire()
    return await task()
  }
}

/** One mutex per key, made when first asked for and forgotten when nobody holds or awaits it. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `task` after every earlier task of the same key has ended. */
  async run<T>(key: string, task: () => Promise<T> | T): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    let release!: () => void
    const tail = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#tails.set(key, tail)
    await before
    try {
      return await task()
    } finally {
      release()
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}
