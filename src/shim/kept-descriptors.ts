import { randomBytes } from "node:crypto"
import { closeSync } from "node:fs"
import { receiveDescriptors } from "../linux/scm-rights.ts"
import { connectUnix, sendNow } from "../linux/unix-socket.ts"
import type { KeptDescriptors } from "./process.ts"
import { frameTypes, jsonFrame, type WireKept } from "./protocol.ts"

/**
 * The daemon's duplicates of processes' descriptors. While it holds them, a shim that is killed takes nothing along:
 * terminals stay, pipes keep what is in them, stdin does not end, exit codes stay known. The kernel keeps those that have
 * not been taken from the connection yet, so that nobody has to wait for them to come.
 */
export class KeptStore implements Disposable {
  /** How this connection is called towards the shim. */
  readonly name = randomBytes(8).toString("hex")
  readonly #connection: number
  readonly #held = new Map<string, Record<string, number>>()
  #closed = false

  /** @throws SystemError when the shim cannot be reached */
  constructor(socketPath: string) {
    this.#connection = connectUnix(socketPath)
    sendNow(this.#connection, jsonFrame(frameTypes.request, { n: 0, method: "keep", params: { name: this.name } }))
  }

  /** Takes what has arrived. */
  drain(): void {
    while (!this.#closed) {
      const received = this.#receive()
      if (!received || received.bytes.length === 0) return
      const kept = JSON.parse(received.bytes.toString("utf8", 5)) as WireKept
      const key = kept.execId === undefined ? kept.id : `${kept.id}/${kept.execId}`
      this.#close(key)
      const own: Record<string, number> = {}
      received.descriptors.forEach((descriptor, index) => {
        own[kept.names[index]!] = descriptor
      })
      this.#held.set(key, own)
    }
  }

  /** Closes a process's descriptors, or only some. */
  release(key: string, names?: readonly string[]): void {
    this.drain()
    this.#close(key, names)
  }

  /** What is held, by process. It stays held. */
  all(): ReadonlyMap<string, KeptDescriptors> {
    this.drain()
    return this.#held
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#connection)
    for (const key of [...this.#held.keys()]) this.#close(key)
  }

  #receive() {
    try {
      return receiveDescriptors(this.#connection)
    } catch {
      // The shim was killed (ECONNRESET): what came before has been taken.
      return undefined
    }
  }

  #close(key: string, names?: readonly string[]): void {
    const own = this.#held.get(key)
    if (!own) return
    for (const name of names ?? Object.keys(own)) {
      const descriptor = own[name]
      if (descriptor === undefined) continue
      closeSync(descriptor)
      delete own[name]
    }
    if (!names) this.#held.delete(key)
  }
}
