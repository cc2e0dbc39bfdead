import type { LogPosition, OutputStream } from "../logs/contract.ts"
import type { Connection } from "./connection.ts"
import type { AttachOptions } from "./contract.ts"
import type { Input } from "./input.ts"
import { encloseOutput, type Frame, frameTypes, jsonFrame, outputPrefix } from "./protocol.ts"

/** A process waits for a `client` that leaves so many bytes lying. */
const clientLimit = 512 * 1024
/** A `follower` that leaves so many bytes lying is sent to the log file. */
const followerLimit = 2 * 1024 * 1024

export interface AttachmentOwner {
  readonly input: Input | undefined
  /** A client takes output again. */
  clientDrained(): void
  /** The client has gone. */
  detached(attachment: Attachment): void
  /** A client asked for the end of stdin. */
  endInput(): void
}

/** One client's live connection to a process's stdio. */
export class Attachment {
  readonly connection: Connection
  readonly options: AttachOptions
  readonly #owner: AttachmentOwner
  #ended = false

  constructor(connection: Connection, options: AttachOptions, owner: AttachmentOwner, ended = false) {
    this.connection = connection
    this.options = options
    this.#owner = owner
    this.#ended = ended
    connection.become({
      frame: (frame) => this.#frame(frame),
      drained: () => this.#owner.clientDrained(),
      closed: () => this.#owner.detached(this),
    })
  }

  /** Whether no more output goes there. */
  get hasEnded(): boolean {
    return this.#ended
  }

  /** Whether the process has to wait for this client. */
  get holds(): boolean {
    return !this.#ended && this.options.role === "client" && this.connection.queued > clientLimit
  }

  /** Whether this client has fallen so far behind that it has to read on from the log file. */
  get lags(): boolean {
    return !this.#ended && this.options.role === "follower" && this.connection.queued > followerLimit
  }

  /** Passes output on; uses the bytes before `start`. */
  output(stream: OutputStream, at: bigint, reached: LogPosition, buffer: Buffer, start: number, length: number): void {
    if (this.#ended || !this.options[stream]) return
    const begin = encloseOutput(buffer, start, length, stream, at, reached)
    this.connection.send(buffer.subarray(begin, begin + outputPrefix + length))
  }

  /** Tells the client that no more output follows. */
  end(how: { readonly lagged: boolean; readonly position: LogPosition }): void {
    if (this.#ended) return
    this.#ended = true
    this.connection.send(jsonFrame(frameTypes.outputEnd, how))
  }

  #frame(frame: Frame): void {
    const { input } = this.#owner
    if (!this.options.stdin || !input) return
    if (frame.type === frameTypes.inputEnd) this.#owner.endInput()
    else if (frame.type === frameTypes.input) {
      input.write(frame.body)
      this.respectInput()
    }
  }

  /** Takes no more from this client while the process does not read what it has. */
  respectInput(): void {
    const { input } = this.#owner
    if (!input?.isBlocked || !this.options.stdin) return
    this.connection.pause()
    input.whenFree(() => this.connection.resume())
  }
}
