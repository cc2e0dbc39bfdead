import type { ByteQueue } from "./byte-queue.ts"
import type { RequestHead } from "./head.ts"
import type { HeaderFields } from "./headers.ts"

/** Who is at the other end. */
export interface Peer {
  readonly transport: "unix" | "tcp" | "tls"
  readonly address?: string
}

/** One request. Its body arrives as it is read, and only then. */
export class HttpRequest {
  readonly method: string
  /** Path and query as sent. */
  readonly target: string
  readonly minor: 0 | 1
  readonly headers: HeaderFields
  readonly peer: Peer
  /** One reader. Not reading is back-pressure to the client; ends with an error when the client breaks off. */
  readonly body: AsyncIterable<Uint8Array>
  readonly hasBody: boolean
  #gone = false
  #controller: AbortController | undefined

  constructor(head: RequestHead, body: ByteQueue, peer: Peer) {
    this.method = head.method
    this.target = head.target
    this.minor = head.minor
    this.headers = head.headers
    this.hasBody = head.body.kind !== "none"
    this.body = body
    this.peer = peer
  }

  /** Aborts when the client goes away before its response is complete. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#gone) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /** Called by the connection when the client has gone. */
  abandon(): void {
    this.#gone = true
    this.#controller?.abort()
  }
}
