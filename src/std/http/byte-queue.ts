import type { Guest, SharedRoom } from "./shared-room.ts"

/** Stops and restarts the source of a queue. */
export interface Flow {
  pause(): void
  resume(): void
}

export interface ByteQueueOptions {
  /** Bytes in the queue from which on its source is paused. */
  readonly highWater?: number
  /** Counts the bytes from their arrival until the reader asks for the next ones. */
  readonly room?: SharedRoom
}

type Result = IteratorResult<Uint8Array, undefined>

/**
 * Bytes on their way from a callback to one async reader. Above `highWater`, or while the shared room is used up, the source is paused;
 * it goes on when the reader has taken everything and there is room.
 */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #flow: Flow
  readonly #highWater: number
  readonly #room: SharedRoom | undefined
  readonly #guest: Guest = {
    hold: () => {
      this.#held = true
      this.#direct()
    },
    go: () => {
      this.#held = false
      this.#direct()
    },
  }
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** Bytes of the chunk that the reader works with. */
  #lent = 0
  #full = false
  #held = false
  #paused = false
  #ended = false
  #error: Error | undefined
  #discarding = false
  #waiting: { resolve(result: Result): void; reject(error: Error): void } | undefined
  /** Called once, at the first read. */
  onFirstRead: (() => void) | undefined

  constructor(flow: Flow, { highWater = 512 * 1024, room }: ByteQueueOptions = {}) {
    this.#flow = flow
    this.#highWater = highWater
    this.#room = room
    room?.enter(this.#guest)
  }

  push(chunk: Uint8Array): void {
    if (this.#ended || this.#discarding || chunk.length === 0) return
    this.#room?.take(chunk.length)
    const waiting = this.#waiting
    if (waiting) {
      this.#waiting = undefined
      this.#lent = chunk.length
      waiting.resolve({ done: false, value: chunk })
      return
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#highWater) return
    this.#full = true
    this.#direct()
  }

  /** No more bytes will come; the reader gets what is left, then the end. */
  end(): void {
    if (this.#ended) return
    this.#close()
    this.#waiting?.resolve({ done: true, value: undefined })
    this.#waiting = undefined
  }

  /** No more bytes will come; the reader gets what is left, then `error`. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#error = error
    this.#close()
    if (this.#waiting) {
      this.#error = undefined
      this.#waiting.reject(error)
      this.#waiting = undefined
    }
  }

  /** Drops what is left and what will come: the source never waits again. */
  discard(): void {
    this.#discarding = true
    this.#room?.leave(this.#guest)
    this.#room?.give(this.#bytes + this.#lent)
    this.#chunks = []
    this.#bytes = 0
    this.#lent = 0
    this.#full = false
    this.#held = false
    this.#direct()
  }

  #close(): void {
    this.#ended = true
    this.#room?.leave(this.#guest)
    this.#held = false
    this.#direct()
  }

  #direct(): void {
    const pause = this.#full || this.#held
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) this.#flow.pause()
    else this.#flow.resume()
  }

  #next(): Promise<Result> {
    const done = this.#lent
    this.#lent = 0
    this.#room?.give(done)
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#bytes -= chunk.length
      this.#lent = chunk.length
      if (this.#bytes === 0) {
        this.#full = false
        this.#direct()
      }
      return Promise.resolve({ done: false, value: chunk })
    }
    if (this.#error) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    const first = this.onFirstRead
    if (first) {
      this.onFirstRead = undefined
      first()
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    }
  }
}
