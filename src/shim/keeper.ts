import { closeSync } from "node:fs"
import { duplicate } from "../linux/descriptor.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"
import { sendDescriptors } from "../linux/scm-rights.ts"
import type { KeptDescriptors, SupervisedProcess } from "./process.ts"
import { frameTypes, jsonFrame, type WireKept } from "./protocol.ts"

/** Sends duplicates of processes' descriptors to a client that holds them for the case that this shim is killed. */
export class Keeper {
  readonly #descriptor: number
  readonly #watch: Watch
  #queue: SupervisedProcess[] = []
  #broken = false

  /** @param connection stays its owner's, who watches it for reading; epoll takes a descriptor once, so writing has its own */
  constructor(reactor: Reactor, connection: number) {
    this.#descriptor = duplicate(connection)
    this.#watch = reactor.watch(this.#descriptor, () => this.#flush())
  }

  /** How many wait until the client makes room by taking what is there. */
  get waiting(): number {
    return this.#queue.length
  }

  keep(process: SupervisedProcess): void {
    if (this.#broken) return
    this.#queue.push(process)
    if (this.#queue.length === 1) this.#flush()
  }

  close(): void {
    if (this.#broken) return
    this.#broken = true
    this.#queue = []
    this.#watch.close()
    closeSync(this.#descriptor)
  }

  #flush(): void {
    for (let process = this.#queue[0]; process; process = this.#queue[0]) {
      const { id, execId } = process.record
      const descriptors = Object.entries(process.keepable() as Record<keyof KeptDescriptors, number>)
      const kept: WireKept = {
        id,
        ...(execId === undefined ? {} : { execId }),
        names: descriptors.map(([name]) => name),
      }
      if (descriptors.length > 0) {
        try {
          const frame = jsonFrame(frameTypes.kept, kept)
          const numbers = descriptors.map(([, descriptor]) => descriptor)
          if (sendDescriptors(this.#descriptor, frame, numbers) === undefined) {
            this.#watch.want(readiness.write)
            return
          }
        } catch {
          this.close()
          return
        }
      }
      this.#queue.shift()
    }
  }
}
