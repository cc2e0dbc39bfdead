import { closeSync } from "node:fs"
import { connectDatagrams, type Peer, receiveDatagram, sendDatagram, tellDestination } from "../linux/datagrams.ts"
import { wouldBlock } from "../linux/descriptor.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"

/** Clients of one port at once; the one that was silent for longest makes room for the next. */
const mostFlows = 1024
/** How long a client may be silent until its flow is forgotten, in milliseconds. */
const idle = 90_000
/** Datagrams taken before others get their turn. */
const burst = 64

interface Flow {
  readonly socket: number
  readonly watch: Watch
  lastUsed: number
}

/**
 * Passes UDP datagrams that reach a port of the host on to a container, and its answers back, where the kernel cannot: see
 * relay.ts. Each client has a socket of its own to the container, so that answers find back.
 */
export class DatagramRelay implements Disposable {
  readonly #reactor: Reactor
  readonly #socket: number
  readonly #to: { readonly address: string; readonly port: number }
  readonly #watch: Watch
  /** The one that was used last is the last. */
  readonly #flows = new Map<string, Flow>()
  #sweep: NodeJS.Timeout | undefined
  #closed = false

  /** @param socket bound, of one address or all of a family; stays the caller's, who closes it after this @throws SystemError */
  constructor(
    reactor: Reactor,
    socket: number,
    family: 4 | 6,
    to: { readonly address: string; readonly port: number },
  ) {
    this.#reactor = reactor
    this.#socket = socket
    this.#to = to
    tellDestination(socket, family)
    this.#watch = reactor.watch(socket, () => this.#receive())
    this.#watch.want(readiness.read)
  }

  #receive(): void {
    for (let taken = 0; taken < burst && !this.#closed; taken++) {
      try {
        const datagram = receiveDatagram(this.#socket)
        if (datagram === wouldBlock) break
        sendDatagram(this.#flowOf(datagram).socket, datagram.bytes)
      } catch {
        // A client that has gone, or a container that cannot be reached now: the datagram is lost.
      }
    }
    if (!this.#closed) this.#watch.want(readiness.read)
  }

  #flowOf(peer: Peer): Flow {
    const key = peer.name.toString("latin1") + peer.control.toString("latin1")
    const known = this.#flows.get(key)
    if (known) {
      known.lastUsed = performance.now()
      this.#flows.delete(key)
      this.#flows.set(key, known)
      return known
    }
    if (this.#flows.size >= mostFlows) this.#end(this.#flows.keys().next().value!)
    const socket = connectDatagrams(this.#to.address, this.#to.port)
    const client: Peer = { name: peer.name, control: peer.control }
    const watch = this.#reactor.watch(socket, () => this.#answer(flow, client))
    const flow: Flow = { socket, watch, lastUsed: performance.now() }
    watch.want(readiness.read)
    this.#flows.set(key, flow)
    this.#sweep ??= setInterval(() => this.#forgetIdle(), idle / 3).unref()
    return flow
  }

  #answer(flow: Flow, client: Peer): void {
    for (let taken = 0; taken < burst; taken++) {
      try {
        const datagram = receiveDatagram(flow.socket)
        if (datagram === wouldBlock) break
        flow.lastUsed = performance.now()
        sendDatagram(this.#socket, datagram.bytes, client)
      } catch {
        // The container refuses: its program does not listen, or not yet.
      }
    }
    flow.watch.want(readiness.read)
  }

  #forgetIdle(): void {
    const since = performance.now() - idle
    for (const [key, { lastUsed }] of this.#flows) if (lastUsed < since) this.#end(key)
    if (this.#flows.size > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #end(key: string): void {
    const flow = this.#flows.get(key)
    if (!flow) return
    this.#flows.delete(key)
    flow.watch.close()
    closeSync(flow.socket)
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#sweep)
    this.#watch.close()
    for (const key of [...this.#flows.keys()]) this.#end(key)
  }
}
