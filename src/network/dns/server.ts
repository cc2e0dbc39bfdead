import { closeSync } from "node:fs"
import { readNow, wouldBlock } from "../../linux/descriptor.ts"
import { type Reactor, readiness, type Watch } from "../../linux/reactor.ts"
import { type ResolverSockets, receiveFrom, sendTo } from "../../linux/resolver-sockets.ts"
import { acceptNow, sendNow } from "../../linux/unix-socket.ts"
import { framed } from "./upstream.ts"

/** Connections of one container at once, at most. */
const mostConnections = 64
/** Datagrams taken before others get their turn. */
const burst = 64

/** Answers a question, at once where it can. @returns undefined for what deserves no answer */
export type Answerer = (question: Buffer, overUdp: boolean) => Buffer | Promise<Buffer> | undefined

/** The name server in one container's namespace. */
export class ResolverServer implements Disposable {
  readonly #reactor: Reactor
  readonly #sockets: ResolverSockets
  readonly #answer: Answerer
  readonly #watches: readonly Watch[]
  readonly #connections = new Set<Connection>()
  #closed = false

  constructor(reactor: Reactor, sockets: ResolverSockets, answer: Answerer) {
    this.#reactor = reactor
    this.#sockets = sockets
    this.#answer = answer
    const udp = reactor.watch(sockets.udp, () => this.#receive(udp))
    const tcp = reactor.watch(sockets.tcp, () => this.#accept(tcp))
    this.#watches = [udp, tcp]
    for (const watch of this.#watches) watch.want(readiness.read)
  }

  #receive(watch: Watch): void {
    for (let taken = 0; taken < burst && !this.#closed; taken++) {
      let received: ReturnType<typeof receiveFrom>
      try {
        received = receiveFrom(this.#sockets.udp)
      } catch {
        continue // A peer that has gone tells so once: the socket itself is well.
      }
      if (received === wouldBlock) break
      const { bytes, sender } = received
      const answered = this.#answer(bytes, true)
      if (answered instanceof Promise) {
        void answered.then((answer) => {
          if (!this.#closed) sendTo(this.#sockets.udp, answer, sender)
        })
      } else if (answered) sendTo(this.#sockets.udp, answered, sender)
    }
    if (!this.#closed) watch.want(readiness.read)
  }

  #accept(watch: Watch): void {
    try {
      for (let socket = acceptNow(this.#sockets.tcp); socket !== wouldBlock; socket = acceptNow(this.#sockets.tcp)) {
        if (this.#connections.size >= mostConnections) closeSync(socket)
        else {
          const connection = new Connection(this.#reactor, socket, this.#answer, () =>
            this.#connections.delete(connection),
          )
          this.#connections.add(connection)
        }
      }
      watch.want(readiness.read)
    } catch (error) {
      // The container has ended the socket, as whoever administers its network may: no more will come.
      if ((error as { code?: string }).code === "EINVAL") watch.close()
      // No descriptor is left, say: those who wait are taken later.
      else setTimeout(() => watch.want(readiness.read), 100).unref()
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    for (const watch of this.#watches) watch.close()
    for (const connection of [...this.#connections]) connection.close()
    this.#sockets[Symbol.dispose]()
  }
}

/** Questions over TCP (RFC 1035, section 4.2.2): answered one after the other. */
class Connection {
  readonly #socket: number
  readonly #answer: Answerer
  readonly #closed: () => void
  readonly #watch: Watch
  readonly #chunk = Buffer.from(new ArrayBuffer(4096))
  #received: Buffer = Buffer.alloc(0)
  #unsent: Buffer = Buffer.alloc(0)
  #ended = false
  #busy = false
  #open = true

  constructor(reactor: Reactor, socket: number, answer: Answerer, closed: () => void) {
    this.#socket = socket
    this.#answer = answer
    this.#closed = closed
    this.#watch = reactor.watch(socket, () => this.#go())
    this.#watch.want(readiness.read)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#watch.close()
    closeSync(this.#socket)
    this.#closed()
  }

  #go(): void {
    if (!this.#open) return
    try {
      if (this.#unsent.length > 0) this.#send()
      if (this.#unsent.length === 0 && !this.#ended) this.#ended = !this.#read()
      void this.#work()
    } catch {
      this.close()
    }
  }

  /** @returns false at the end */
  #read(): boolean {
    for (;;) {
      const length = readNow(this.#socket, this.#chunk)
      if (length === wouldBlock) return true
      if (length === 0) return false
      this.#received = Buffer.concat([this.#received, this.#chunk.subarray(0, length)])
    }
  }

  async #work(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      while (this.#open && this.#unsent.length === 0) {
        if (this.#received.length < 2) break
        const end = 2 + this.#received.readUInt16BE(0)
        if (this.#received.length < end) break
        const answer = await this.#answer(Buffer.from(this.#received.subarray(2, end)), false)
        this.#received = this.#received.subarray(end)
        if (!answer) return this.close()
        this.#unsent = framed(answer)
        this.#send()
      }
      if (this.#ended && this.#unsent.length === 0) return this.close()
      if (this.#open) this.#watch.want(this.#unsent.length > 0 ? readiness.write : readiness.read)
    } catch {
      this.close()
    } finally {
      this.#busy = false
    }
  }

  #send(): void {
    while (this.#open && this.#unsent.length > 0) {
      const length = sendNow(this.#socket, this.#unsent)
      if (length === wouldBlock) return
      this.#unsent = this.#unsent.subarray(length)
    }
  }
}
