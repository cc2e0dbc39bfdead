import { closeSync } from "node:fs"
import { readNow, wouldBlock } from "../linux/descriptor.ts"
import type { Reactor, Watch } from "../linux/reactor.ts"
import { readiness } from "../linux/reactor.ts"
import { sendNow } from "../linux/unix-socket.ts"
import { type Frame, FrameParser, maxRequest } from "./protocol.ts"

/** What a connection's owner is told. */
export interface ConnectionEvents {
  /** A whole frame came. Its body is only valid during the call when it is long; copy what is kept. */
  frame(frame: Frame): void
  /** What was queued has been sent. */
  drained(): void
  /** The other side has gone, or broke the protocol. The connection is closed. */
  closed(): void
}

/** What an upgrade hands over of a connection. */
export interface ConnectionState {
  readonly descriptor: number
  /** Base64. */
  readonly incoming: string
  /** Base64. */
  readonly outgoing: string
}

const readBuffer = Buffer.from(new ArrayBuffer(64 * 1024))

/** One accepted connection: frames in, bytes out, with a queue for what the other side does not take yet. */
export class Connection {
  readonly descriptor: number
  readonly #watch: Watch
  readonly #parser = new FrameParser(maxRequest)
  #events: ConnectionEvents
  #queue: Buffer[] = []
  #queued = 0
  #reading = true
  #broken = false
  #closed = false

  constructor(reactor: Reactor, descriptor: number, events: ConnectionEvents, state?: ConnectionState) {
    this.descriptor = descriptor
    this.#events = events
    this.#watch = reactor.watch(descriptor, (ready) => this.#ready(ready))
    if (state) {
      const whole = [...this.#parser.push(Buffer.from(state.incoming, "base64"))]
      if (whole.length > 0) setImmediate(() => this.#tell(whole))
      const outgoing = Buffer.from(state.outgoing, "base64")
      if (outgoing.length > 0) this.#enqueue(outgoing)
    }
    this.#watch.want(readiness.read)
  }

  /** Bytes that the other side has not taken. */
  get queued(): number {
    return this.#queued
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Hands the connection to another owner. */
  become(events: ConnectionEvents): void {
    this.#events = events
  }

  /** Sends `bytes` now as far as possible; the rest is copied and follows. Dropped when nobody listens. */
  send(bytes: Uint8Array): void {
    if (this.#broken || this.#closed) return
    let done = 0
    if (this.#queued === 0) {
      try {
        while (done < bytes.length) {
          const sent = sendNow(this.descriptor, done === 0 ? bytes : bytes.subarray(done))
          if (sent === wouldBlock) break
          done += sent
        }
      } catch {
        this.#broken = true
        return
      }
    }
    if (done < bytes.length) this.#enqueue(Buffer.from(bytes.subarray(done)))
  }

  /** Reads no more until {@link resume}: back-pressure. */
  pause(): void {
    this.#reading = false
  }

  resume(): void {
    if (this.#reading || this.#closed) return
    this.#reading = true
    this.#watch.want(readiness.read)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    closeSync(this.descriptor)
    this.#queue = []
    this.#queued = 0
    this.#events.closed()
  }

  /** What another image of this program needs to go on. Nothing may be sent or read afterwards. */
  state(): ConnectionState {
    return {
      descriptor: this.descriptor,
      incoming: this.#parser.pending.toString("base64"),
      outgoing: Buffer.concat(this.#queue).toString("base64"),
    }
  }

  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes)
    this.#queued += bytes.length
    this.#watch.want(readiness.write)
  }

  #ready(ready: number): void {
    if (ready & (readiness.write | readiness.error | readiness.hangUp)) this.#flush()
    if (ready & (readiness.read | readiness.error | readiness.hangUp)) this.#read()
  }

  #flush(): void {
    const before = this.#queued
    try {
      while (this.#queue.length > 0) {
        const first = this.#queue[0]!
        const sent = sendNow(this.descriptor, first)
        if (sent === wouldBlock) break
        this.#queued -= sent
        if (sent === first.length) this.#queue.shift()
        else this.#queue[0] = first.subarray(sent)
      }
    } catch {
      this.#broken = true
      this.#queue = []
      this.#queued = 0
    }
    if (this.#queued > 0) this.#watch.want(readiness.write)
    if (this.#queued < before) this.#events.drained()
  }

  #read(): void {
    if (!this.#reading || this.#closed) return
    try {
      const length = readNow(this.descriptor, readBuffer)
      if (length === 0) {
        this.close()
        return
      }
      if (length > 0) {
        this.#tell(this.#parser.push(Buffer.from(readBuffer.subarray(0, length))))
        if (this.#closed) return
      }
    } catch {
      this.close()
      return
    }
    if (this.#reading) this.#watch.want(readiness.read)
  }

  #tell(frames: Iterable<Frame>): void {
    for (const frame of frames) {
      this.#events.frame(frame)
      if (this.#closed) return
    }
  }
}
