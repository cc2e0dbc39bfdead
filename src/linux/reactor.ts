import { closeSync } from "node:fs"
import { startWorker } from "../std/worker.ts"
import { pipe, writeNow } from "./descriptor.ts"
import { eventSize, tokenAt } from "./epoll-layout.ts"
import { check, libc, types } from "./libc.ts"

const c = libc({
  epoll_create1: { args: [types.i32], returns: types.i32 },
  epoll_ctl: { args: [types.i32, types.i32, types.i32, types.ptr], returns: types.i32 },
})

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLL_CTL_MOD = 3
const EPOLLONESHOT = 0x4000_0000

/** What a descriptor may be ready for (epoll_ctl(2)). `error` and `hangUp` are told whether wanted or not. */
export const readiness = { read: 1, write: 4, error: 8, hangUp: 16 } as const

/**
 * Waits for descriptors that Bun's own loop cannot watch: PTYs, pidfds, FIFOs, sockets with descriptors on them. A Worker
 * blocks in epoll_wait and posts what is ready; reading, writing and re-arming stay on this thread.
 */
export class Reactor implements Disposable {
  readonly #epoll: number
  readonly #worker: Worker
  readonly #wake: readonly [number, number]
  readonly #watches = new Map<number, Watch>()
  readonly #event = Buffer.from(new ArrayBuffer(eventSize))
  readonly #failed: (error: unknown) => void
  #nextToken = 1

  /** @param failed told what a handler throws; uncaught by default */
  constructor(failed: (error: unknown) => void = throwLater) {
    this.#failed = failed
    this.#epoll = check(c.epoll_create1(EPOLL_CLOEXEC), "epoll_create1")
    this.#wake = pipe()
    this.#control(EPOLL_CTL_ADD, this.#wake[0], readiness.read, 0)
    this.#worker = startWorker("linux/reactor")
    this.#worker.onmessage = (message: MessageEvent<Int32Array>) => this.#dispatch(message.data)
    this.#worker.postMessage(this.#epoll)
  }

  /**
   * Watches `descriptor`, which stays the caller's. Nothing is told until {@link Watch.want} asks. Every event asked for
   * is told once, and must be asked for again.
   */
  watch(descriptor: number, handler: (events: number) => void): Watch {
    const token = this.#nextToken++
    const control = (operation: number, events: number) => this.#control(operation, descriptor, events, token)
    control(EPOLL_CTL_ADD, 0)
    const watch = new Watch(handler, control, () => this.#watches.delete(token))
    this.#watches.set(token, watch)
    return watch
  }

  /** Resolves at the next of `events` on `descriptor`. @returns what it is ready for */
  async ready(descriptor: number, events: number): Promise<number> {
    return await new Promise((resolve) => {
      const watch = this.watch(descriptor, (ready) => {
        watch.close()
        resolve(ready)
      })
      watch.want(events)
    })
  }

  [Symbol.dispose](): void {
    this.#watches.clear()
    writeNow(this.#wake[1], Buffer.of(1))
  }

  #dispatch(ready: Int32Array): void {
    for (let index = 0; index < ready.length; index += 2) {
      const token = ready[index]!
      if (token === 0) this.#end()
      else this.#tell(token, ready[index + 1]!)
    }
  }

  /** The kernel tells every event once: whatever a handler throws, those after it are told theirs. */
  #tell(token: number, events: number): void {
    try {
      this.#watches.get(token)?.tell(events)
    } catch (error) {
      this.#failed(error)
    }
  }

  #end(): void {
    this.#worker.terminate()
    closeSync(this.#epoll)
    for (const end of this.#wake) closeSync(end)
  }

  #control(operation: number, descriptor: number, events: number, token: number): void {
    this.#event.writeUInt32LE(token === 0 ? events : (events | EPOLLONESHOT) >>> 0, 0)
    this.#event.writeUInt32LE(token, tokenAt)
    this.#event.writeUInt32LE(0, tokenAt + 4)
    check(c.epoll_ctl(this.#epoll, operation, descriptor, this.#event), "epoll_ctl")
  }
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}

/** One descriptor under watch. Close it before the descriptor. */
export class Watch {
  readonly #handler: (events: number) => void
  readonly #control: (operation: number, events: number) => void
  readonly #forget: () => void
  #wanted = 0
  #telling = false
  #closed = false

  constructor(
    handler: (events: number) => void,
    control: (operation: number, events: number) => void,
    forget: () => void,
  ) {
    this.#handler = handler
    this.#control = control
    this.#forget = forget
  }

  /** Asks to be told of `events` once, besides those asked for before. `hangUp` alone asks for nothing but that. */
  want(events: number): void {
    if (this.#closed) return
    const before = this.#wanted
    this.#wanted |= events
    if (!this.#telling && this.#wanted !== before) this.#control(EPOLL_CTL_MOD, this.#wanted)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#forget()
    this.#control(EPOLL_CTL_DEL, 0)
  }

  /** Called by the reactor: the kernel has disarmed the watch and reports `events`. */
  tell(events: number): void {
    const severe = events & (readiness.error | readiness.hangUp)
    this.#wanted = severe ? 0 : this.#wanted & ~events
    this.#telling = true
    try {
      this.#handler(events)
    } finally {
      this.#telling = false
      if (this.#wanted !== 0 && !this.#closed) this.#control(EPOLL_CTL_MOD, this.#wanted)
    }
  }
}
