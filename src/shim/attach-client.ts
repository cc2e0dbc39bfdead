import type { Socket } from "node:net"
import { Failure } from "../errors/failure.ts"
import type { AttachOptions, AttachStream, LogPosition, OutputChunk } from "./contract.ts"
import { dial } from "./link.ts"
import {
  type Frame,
  FrameParser,
  frame,
  frameTypes,
  jsonFrame,
  maxAnswer,
  maxInput,
  readOutput,
  type WireAnswer,
  type WireEnd,
} from "./protocol.ts"

/** So many bytes wait here before the shim has to. */
const highWater = 256 * 1024

interface Queued extends OutputChunk {
  readonly reached: LogPosition
}

/** Opens a live connection to a process's stdio. @throws the shim's failure */
export async function openAttach(socketPath: string, options: AttachOptions): Promise<AttachStream> {
  const socket = await dial(socketPath)
  const stream = new SocketAttachStream(socket)
  socket.write(jsonFrame(frameTypes.request, { n: 1, method: "attach", params: options }))
  try {
    await stream.accepted
  } catch (error) {
    socket.destroy()
    throw error
  }
  return stream
}

class SocketAttachStream implements AttachStream {
  readonly accepted: Promise<void>
  readonly #socket: Socket
  #position: LogPosition = { generation: 0, offset: 0 }
  #reached: LogPosition = { generation: 0, offset: 0 }
  #lagged = false
  #queue: Queued[] = []
  #queued = 0
  #over = false
  #wake: (() => void) | undefined
  #iterated = false
  #accept!: () => void
  #refuse!: (error: unknown) => void

  constructor(socket: Socket) {
    this.#socket = socket
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve
      this.#refuse = reject
    })
    const parser = new FrameParser(maxAnswer)
    socket.on("error", () => {})
    socket.on("data", (bytes: Buffer) => {
      for (const each of parser.push(bytes)) this.#frame(each)
      if (this.#queued > highWater) socket.pause()
    })
    socket.once("close", () => {
      this.#refuse(new Failure("unavailable", "the shim closed the connection"))
      this.#over = true
      this.#wake?.()
    })
  }

  get position(): LogPosition {
    return this.#position
  }

  get reached(): LogPosition {
    return this.#reached
  }

  get lagged(): boolean {
    return this.#lagged
  }

  get output(): AsyncIterable<OutputChunk> {
    if (this.#iterated) throw new Failure("internal", "an attach stream's output is read once")
    this.#iterated = true
    return this.#chunks()
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += maxInput) {
      const piece = frame(frameTypes.input, bytes.subarray(start, start + maxInput))
      if (this.#socket.destroyed) return
      if (!this.#socket.write(piece)) await this.#drained()
    }
  }

  async closeStdin(): Promise<void> {
    if (!this.#socket.destroyed) this.#socket.write(frame(frameTypes.inputEnd, new Uint8Array()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    this.#queue = []
    this.#wake?.()
    if (this.#socket.destroyed) return
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()))
    // Input that was accepted still has to go out, then everything closes.
    this.#socket.resume()
    this.#socket.end(() => this.#socket.destroy())
    await closed
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.removeListener("drain", done)
        this.#socket.removeListener("close", done)
        resolve()
      }
      this.#socket.once("drain", done)
      this.#socket.once("close", done)
    })
  }

  async *#chunks(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const next = this.#queue.shift()
      if (next) {
        this.#queued -= next.bytes.length
        if (this.#queued <= highWater / 2) this.#socket.resume()
        this.#reached = next.reached
        yield next
        continue
      }
      if (this.#over) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  #frame(each: Frame): void {
    if (each.type === frameTypes.output) {
      const { stream, at, bytes, reached } = readOutput(each.body)
      this.#queue.push({ stream, at, bytes, reached })
      this.#queued += bytes.length
    } else if (each.type === frameTypes.outputEnd) {
      const end = JSON.parse(each.body.toString("utf8")) as WireEnd
      this.#lagged = end.lagged
      if (this.#queue.length === 0) this.#reached = end.position
      this.#over = true
    } else if (each.type === frameTypes.answer) {
      const answer = JSON.parse(each.body.toString("utf8")) as WireAnswer
      if (answer.error) this.#refuse(new Failure(answer.error.kind, answer.error.message))
      else {
        const { position } = answer.result as { position: LogPosition }
        this.#position = position
        this.#reached = position
        this.#accept()
      }
    }
    this.#wake?.()
  }
}
