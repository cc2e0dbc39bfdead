import { closeSync } from "node:fs"
import { duplicate, growPipe, setNonBlocking, wouldBlock } from "../linux/descriptor.ts"
import { SystemError } from "../linux/libc.ts"
import { openTerminalPeer, setWindowSize, type WindowSize } from "../linux/pty.ts"
import type { Reactor } from "../linux/reactor.ts"
import type { LogPosition, OutputStream } from "../logs/contract.ts"
import type { Stdio } from "../runtime/contract.ts"
import { nowNanos } from "../std/clock.ts"
import { Attachment } from "./attachment.ts"
import type { Connection } from "./connection.ts"
import type { AttachOptions, IoConfig } from "./contract.ts"
import { Input } from "./input.ts"
import type { LogFeed } from "./log-feed.ts"
import { margin } from "./logs/writer.ts"
import { Output } from "./output.ts"
import type { StdioEnds } from "./stdio-ends.ts"

/** Our ends of a process's stdio. Owned by whoever holds the object. */
export interface IoDescriptors {
  readonly stdin?: number
  readonly stdout?: number
  readonly stderr?: number
  readonly master?: number
}

export interface ProcessIoOptions {
  readonly reactor: Reactor
  /** The pipes; of no use with a terminal. */
  readonly ends: StdioEnds
  readonly io: IoConfig
  readonly log: LogFeed
  /** Told at the first byte of output. */
  readonly onFirstOutput: () => void
  /** Told when a client has come with whom stdin ends. */
  readonly onFeed: () => void
  /** Told when stdin has been closed by a client, before it is. */
  readonly onInputEnd: () => void
  /** Told when nobody can write output any more. */
  readonly onEnd: () => void
}

/** What is left of the stdio of a process that runs already. */
export interface AdoptedIo {
  readonly given: IoDescriptors | undefined
  /** What is not given was closed; otherwise it is looked for by name. */
  readonly isComplete: boolean
  readonly inputClosed: boolean
  /** What stdin has not got yet. */
  readonly input: Buffer
}

/** Pipes hold this much, so that a process seldom waits for us. */
const pipeSize = 1024 * 1024

/** Stdio of one process: pipes, or a terminal. Output goes to the log first and then to every attached client. */
export class ProcessIo {
  readonly #options: ProcessIoOptions
  readonly #attachments = new Set<Attachment>()
  #input: Input | undefined
  #outputs = new Map<OutputStream, Output>()
  #sawOutput = false
  #processEnded = false
  /** The terminal's other side, when everybody else has closed it. */
  #peer: number | undefined
  #live = false
  #over = false
  #closed = false

  constructor(options: ProcessIoOptions) {
    this.#options = options
    if (options.io.stdin) this.#input = new Input(options.reactor)
  }

  get input(): Input | undefined {
    return this.#input
  }

  get log(): LogFeed {
    return this.#options.log
  }

  get attachments(): ReadonlySet<Attachment> {
    return this.#attachments
  }

  /** Whether every writer has gone. */
  get isOver(): boolean {
    return this.#over
  }

  /**
   * Opens the process's own ends.
   * @returns what the runtime gets, and how to close it when the process has its copies
   */
  openForProcess(): { readonly stdio: Stdio; readonly release: () => void } {
    const { ends: pipes, io } = this.#options
    if (io.terminal) return { stdio: { stdin: "ignore", stdout: "ignore", stderr: "ignore" }, release: () => {} }
    const opened: number[] = []
    const keep = (descriptor: number) => {
      opened.push(descriptor)
      return descriptor
    }
    const release = () => {
      for (const descriptor of opened.splice(0)) closeSync(descriptor)
    }
    try {
      const ends = { stdout: 0, stderr: 0 }
      for (const stream of ["stdout", "stderr"] as const) {
        const { reader, both } = pipes.output(stream)
        ends[stream] = keep(both)
        growPipe(reader, pipeSize)
        this.#addOutput(stream, reader)
      }
      if (!this.#input) {
        const nothing = pipes.noInput()
        return { stdio: { stdin: nothing === "ignore" ? nothing : keep(nothing), ...ends }, release }
      }
      const { reader, writer } = pipes.input()
      const stdin = keep(reader)
      this.#input.connect(writer)
      return { stdio: { stdin, ...ends }, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Takes a new terminal's master, which becomes ours. A runtime sets the size before the process runs, if it knows how. */
  openTerminal(master: number): void {
    const { consoleSize } = this.#options.io
    if (consoleSize) setWindowSize(master, consoleSize)
    this.connectTerminal(master)
  }

  /** Takes the terminal's master, which becomes ours. */
  connectTerminal(master: number): void {
    setNonBlocking(master, true)
    this.#input?.connect(duplicate(master))
    this.#addOutput("stdout", master)
  }

  /** Takes the ends of a process that runs already. */
  adopt({ given, isComplete, inputClosed, input }: AdoptedIo): void {
    const { ends, io } = this.#options
    if (io.terminal) {
      if (given?.master !== undefined) this.connectTerminal(given.master)
      else this.#input?.close()
      if (input.length > 0) this.#input?.write(input)
      return
    }
    for (const stream of ["stdout", "stderr"] as const) {
      const reader = given?.[stream] ?? (isComplete ? undefined : ends.outputAgain(stream))
      if (reader !== undefined) this.#addOutput(stream, reader)
    }
    if (!this.#input) return
    const writer = given?.stdin ?? (isComplete || inputClosed ? undefined : ends.inputAgain())
    if (writer === undefined) this.#input.close()
    else this.#input.connect(writer)
    if (input.length > 0) this.#input.write(input)
    if (inputClosed) this.#input.end()
  }

  /** Begins to read: the process has its ends now. */
  start(): void {
    this.#live = true
    for (const output of [...this.#outputs.values()]) output.begin()
    if (this.#outputs.size === 0) this.#finish()
  }

  /** Adds a client. `accepted` is told the position from which on it gets everything, before anything is sent. */
  attach(connection: Connection, options: AttachOptions, accepted: (position: LogPosition) => void): void {
    this.log.flush(nowNanos())
    if (options.stdin && this.#options.io.stdinOnce && !this.#options.io.terminal) this.#options.onFeed()
    accepted(this.log.position)
    const attachment = this.adoptAttachment(connection, options, false)
    if (this.#over) attachment.end({ lagged: false, position: this.log.position })
  }

  /** Adds a client that was attached before an upgrade. */
  adoptAttachment(connection: Connection, options: AttachOptions, ended: boolean): Attachment {
    const attachment = new Attachment(
      connection,
      options,
      {
        input: this.#input,
        clientDrained: () => this.#resume(),
        detached: (gone) => this.#detached(gone),
        endInput: () => this.endInput(),
      },
      ended,
    )
    this.#attachments.add(attachment)
    attachment.respectInput()
    return attachment
  }

  /** Closes the process's stdin after what clients have sent so far. A terminal has no end of its own. */
  endInput(): void {
    if (!this.#input || this.#options.io.terminal || this.#input.isEnding || this.#closed) return
    this.#options.onInputEnd()
    this.#input.end()
  }

  resize(size: WindowSize): void {
    const master = this.#options.io.terminal ? this.#outputs.get("stdout") : undefined
    if (master && !master.isOver) setWindowSize(master.descriptor, size)
  }

  /** Writes what the log still holds back. */
  settle(): void {
    if (!this.#closed) this.log.flush(nowNanos())
  }

  /** Reads what is there at once, as far as clients allow. */
  readAhead(): void {
    for (const output of this.#outputs.values()) void output.idle()
  }

  /** Resolves when everything written so far is in the log. */
  async drained(): Promise<void> {
    await Promise.all([...this.#outputs.values()].map((output) => output.idle()))
    this.settle()
  }

  /**
   * Tells attached clients that there is no more, whether or not somebody could still write. What a pipe still holds goes to
   * them before, also to those that are slow.
   */
  endAttachments(): void {
    if (this.#live) for (const output of this.#outputs.values()) output.exhaust(pipeSize)
    this.settle()
    for (const attachment of this.#attachments) attachment.end({ lagged: false, position: this.log.position })
    this.#resume()
  }

  /** Closes everything; clients see the end, their connections stay until they leave. */
  close(): void {
    if (this.#closed) return
    this.endAttachments()
    this.#over = true
    this.#input?.close()
    if (this.#peer !== undefined) closeSync(this.#peer)
    this.#peer = undefined
    for (const output of this.#outputs.values()) output.close()
    this.#closed = true
    this.log.close(nowNanos())
  }

  /** Our descriptors, for handing over or keeping. They stay ours. */
  descriptors(): IoDescriptors {
    const stdout = this.#openOutput("stdout")
    if (this.#options.io.terminal) return stdout === undefined ? {} : { master: stdout }
    const stderr = this.#openOutput("stderr")
    const stdin = this.#input?.descriptor
    return {
      ...(stdin === undefined ? {} : { stdin }),
      ...(stdout === undefined ? {} : { stdout }),
      ...(stderr === undefined ? {} : { stderr }),
    }
  }

  #openOutput(stream: OutputStream): number | undefined {
    const output = this.#outputs.get(stream)
    return output && !output.isOver ? output.descriptor : undefined
  }

  #addOutput(stream: OutputStream, descriptor: number): void {
    const output = new Output(this.#options.reactor, descriptor, {
      pass: () => this.#pass(stream, descriptor),
      isHeld: () => this.#isHeld(),
      ended: () => this.#outputEnded(),
    })
    this.#outputs.set(stream, output)
  }

  /** Takes what an output has, for the log and then for the clients. @returns as {@link OutputOwner.pass} */
  #pass(stream: OutputStream, descriptor: number): number {
    const at = nowNanos()
    const { log } = this.#options
    for (const attachment of this.#attachments) {
      if (!attachment.lags) continue
      log.flush(at)
      attachment.end({ lagged: true, position: log.position })
    }
    const length = this.#take(stream, descriptor, at)
    if (length === wouldBlock || length === 0) return length
    if (!this.#sawOutput) {
      this.#sawOutput = true
      this.#options.onFirstOutput()
    }
    if (this.#attachments.size === 0) return length
    const reached = log.position
    for (const attachment of this.#attachments) attachment.output(stream, at, reached, log.buffer, margin, length)
    return length
  }

  #take(stream: OutputStream, descriptor: number, at: bigint): number {
    const { log, io } = this.#options
    if (!io.terminal) return log.take(stream, descriptor, "pipe", at)
    try {
      return log.take(stream, descriptor, "terminal", at)
    } catch (error) {
      if (error instanceof SystemError && error.code === "EIO") return this.#terminalLeft(descriptor)
      throw error
    }
  }

  /**
   * Nobody has the terminal open. While the process lives somebody may open it again (init programs close it for a
   * moment): until the end of the process we have it open ourselves.
   */
  #terminalLeft(master: number): number {
    if (this.#processEnded) return 0
    try {
      const before = this.#peer
      this.#peer = openTerminalPeer(master)
      if (before !== undefined) closeSync(before)
      return wouldBlock
    } catch {
      return 0
    }
  }

  /** The process has ended: its terminal is at its end when whatever it left behind has closed it. */
  processEnded(): void {
    this.#processEnded = true
    if (this.#peer !== undefined) closeSync(this.#peer)
    this.#peer = undefined
    this.readAhead()
  }

  #isHeld(): boolean {
    for (const attachment of this.#attachments) if (attachment.holds) return true
    return false
  }

  #resume(): void {
    if (!this.#live || this.#isHeld()) return
    for (const output of this.#outputs.values()) output.resume()
  }

  #outputEnded(): void {
    for (const output of this.#outputs.values()) if (!output.isOver) return
    this.#finish()
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.endAttachments()
    this.#options.onEnd()
  }

  #detached(attachment: Attachment): void {
    this.#attachments.delete(attachment)
    if (attachment.options.stdin && this.#options.io.stdinOnce) this.endInput()
    this.#resume()
  }
}
