import type { Socket } from "node:net"
import { Failure, isKind } from "../errors/failure.ts"
import type { LogFiles, LogPosition, OutputChunk } from "../logs/contract.ts"
import { readChunks } from "../logs/reader.ts"
import type { AttachOptions, AttachStream } from "./contract.ts"
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

/** The shim and what lies before it take less of the input of a process that does not run yet. */
const mostBeforeStart = 1024 * 1024

/** What the next shim knows of a process whose stream was cut off. */
export interface Successor {
  readonly log: LogFiles
  /** Whether the process runs, or has run; otherwise it is only opened. */
  readonly started: boolean
}

interface Queued extends OutputChunk {
  readonly reached: LogPosition
}

/**
 * Opens a live connection to a process's stdio. If the shim is killed meanwhile it goes on with the next one: what was
 * written in between comes from the log; a process that has not been started gets all input again, of one that runs only
 * the input that was under way is lost.
 * @param afterLoss waits for the shim to be there again and tells what it knows. @throws notFound when that is nothing
 * @throws the shim's failure
 */
export async function openAttach(
  socketPath: string,
  options: AttachOptions,
  afterLoss: () => Promise<Successor>,
): Promise<AttachStream> {
  const stream = new ShimAttachStream(socketPath, options, afterLoss)
  await stream.begin()
  return stream
}

interface Connected {
  readonly position: LogPosition
  /** Lets frames through. */
  readonly release: () => void
}

class ShimAttachStream implements AttachStream {
  readonly #socketPath: string
  readonly #options: AttachOptions
  readonly #afterLoss: () => Promise<Successor>
  #socket: Socket | undefined
  /** Resolves when there is a connection, or never will be again. */
  #connected: Promise<void> = Promise.resolve()
  #position: LogPosition = { generation: 0, offset: 0 }
  #reached: LogPosition = { generation: 0, offset: 0 }
  /** After what has come, read or not. */
  #received: LogPosition = { generation: 0, offset: 0 }
  #lagged = false
  /** All input so far, while there is little. */
  #sent: Buffer[] | undefined = []
  #sentBytes = 0
  #inputEnded = false
  #queue: Queued[] = []
  #queued = 0
  #over = false
  #wake: (() => void) | undefined
  #iterated = false

  constructor(socketPath: string, options: AttachOptions, afterLoss: () => Promise<Successor>) {
    this.#socketPath = socketPath
    this.#options = options
    this.#afterLoss = afterLoss
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

  async begin(): Promise<void> {
    const { position, release } = await this.#connect()
    this.#position = position
    this.#reached = position
    this.#received = position
    release()
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += maxInput) {
      await this.#connected
      const socket = this.#socket
      const piece = frame(frameTypes.input, bytes.subarray(start, start + maxInput))
      this.#remember(piece)
      if (!socket || socket.destroyed) return
      if (!socket.write(piece)) await drained(socket)
    }
  }

  #remember(piece: Buffer): void {
    this.#sentBytes += piece.length
    if (this.#sentBytes > mostBeforeStart) this.#sent = undefined
    else this.#sent?.push(piece)
  }

  async closeStdin(): Promise<void> {
    await this.#connected
    this.#inputEnded = true
    if (this.#socket && !this.#socket.destroyed) this.#socket.write(frame(frameTypes.inputEnd, new Uint8Array()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    this.#queue = []
    this.#wake?.()
    await this.#connected
    const socket = this.#socket
    if (!socket || socket.destroyed) return
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    // Input that was accepted still has to go out, then everything closes.
    socket.resume()
    socket.end(() => socket.destroy())
    await closed
  }

  /** Attaches on a new connection. Frames after the answer wait until `release`. */
  async #connect(): Promise<Connected> {
    const socket = await dial(this.#socketPath)
    const parser = new FrameParser(maxAnswer)
    const accepted = Promise.withResolvers<LogPosition>()
    let held: Frame[] | undefined = []
    let closed = false
    socket.on("error", () => {})
    socket.on("data", (bytes: Buffer) => {
      for (const each of parser.push(bytes)) {
        if (each.type === frameTypes.answer) {
          const answer = JSON.parse(each.body.toString("utf8")) as WireAnswer
          if (answer.error) accepted.reject(new Failure(answer.error.kind, answer.error.message))
          else accepted.resolve((answer.result as { position: LogPosition }).position)
          socket.pause()
        } else if (held) held.push(each)
        else this.#frame(each)
      }
      if (this.#queued > highWater) socket.pause()
    })
    socket.once("close", () => {
      closed = true
      accepted.reject(new Failure("unavailable", "the shim closed the connection"))
      if (this.#socket === socket) this.#lost()
    })
    socket.write(jsonFrame(frameTypes.request, { n: 1, method: "attach", params: this.#options }))
    try {
      const position = await accepted.promise
      const release = () => {
        this.#socket = socket
        for (const each of held ?? []) this.#frame(each)
        held = undefined
        if (closed) this.#lost()
        else socket.resume()
      }
      return { position, release }
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  #lost(): void {
    if (this.#over) {
      this.#wake?.()
      return
    }
    this.#connected = this.#resume().catch(() => {
      this.#over = true
      this.#wake?.()
    })
  }

  /** Goes on with the next shim, from where the output had come. */
  async #resume(): Promise<void> {
    const { log, started } = await this.#afterLoss()
    let connected: Connected
    try {
      connected = await this.#connect()
    } catch (error) {
      // That one was killed as well.
      if (!isLoss(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
      return await this.#resume()
    }
    const { position, release } = connected
    if (log.format !== "none" && this.#options.execId === undefined) {
      for await (const chunks of readChunks({ log, from: this.#received, to: position })) {
        for (const chunk of chunks) if (this.#options[chunk.stream]) this.#enqueue({ ...chunk, reached: position })
      }
    }
    this.#received = position
    release()
    if (!started) for (const piece of this.#sent ?? []) this.#socket?.write(piece)
    if (this.#inputEnded) this.#socket?.write(frame(frameTypes.inputEnd, new Uint8Array()))
  }

  async *#chunks(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const next = this.#queue.shift()
      if (next) {
        this.#queued -= next.bytes.length
        if (this.#queued <= highWater / 2) this.#socket?.resume()
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

  #enqueue(chunk: Queued): void {
    this.#queue.push(chunk)
    this.#queued += chunk.bytes.length
    this.#received = chunk.reached
    this.#wake?.()
  }

  #frame(each: Frame): void {
    if (each.type === frameTypes.output) this.#enqueue(readOutput(each.body))
    else if (each.type === frameTypes.outputEnd) {
      const end = JSON.parse(each.body.toString("utf8")) as WireEnd
      this.#lagged = end.lagged
      if (this.#queue.length === 0) this.#reached = end.position
      this.#over = true
      this.#wake?.()
    }
  }
}

/** Whether a connection failed because there was no shim, or no more. */
export const isLoss = (error: unknown): boolean =>
  isKind(error, "unavailable") ||
  ["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE"].includes((error as { code?: string }).code ?? "")

async function drained(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      socket.removeListener("drain", done)
      socket.removeListener("close", done)
      resolve()
    }
    socket.once("drain", done)
    socket.once("close", done)
  })
}
