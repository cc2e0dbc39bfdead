import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { messageOf } from "../../errors/failure.ts"
import type { LogFiles, LogPosition } from "../../logs/contract.ts"
import { LineSplitter, type LogLine } from "../../logs/line-splitter.ts"
import { readLines } from "../../logs/reader.ts"
import { Segments } from "../../logs/segments.ts"
import type { AttachStream } from "../../shim/contract.ts"
import type { Log } from "../../std/log.ts"
import type { LogDestination } from "./contract.ts"

export interface ForwardSource {
  /** For messages. */
  readonly container: string
  /** The copy on this host's disk. */
  readonly log: LogFiles
  /** What comes from now on; undefined when the container has ended. */
  readonly follow: (signal: AbortSignal) => Promise<AttachStream | undefined>
  /** Keeps how far everything was sent. */
  readonly positionFile: string
}

/** How often a container that has ended is tried to be told of before it is left. */
const lastAttempts = 5
const longestPause = 10_000
/** Milliseconds between two notes of the position on disk: what may be sent twice after a crash. */
const notedEvery = 1000

/**
 * Sends a container's lines to where its log driver says, from the copy that the shim keeps: the container never waits for a
 * network, and a daemon that comes back goes on where it was. Every line is sent at least once, unless the copy has run
 * over before.
 */
export class LogForwarder {
  readonly #source: ForwardSource
  readonly #destination: LogDestination
  readonly #log: Log
  readonly #stop = new AbortController()
  #ended = false
  #position: LogPosition | undefined
  #noted = 0
  #troubled = false
  /** Resolves when everything of a container that has ended is sent, or given up, or the forwarder was stopped. */
  readonly done: Promise<void>

  constructor(source: ForwardSource, destination: LogDestination, log: Log) {
    this.#source = source
    this.#destination = destination
    this.#log = log
    this.#position = notedPosition(source.positionFile)
    this.done = this.#run()
      .catch((error) => {
        if (this.#stop.signal.aborted) return
        this.#log.warn("a container's log was not forwarded to its end", {
          container: source.container,
          error: messageOf(error),
        })
      })
      .finally(() => destination.close().catch(() => {}))
  }

  /** Ends early; what was not sent is sent by the next forwarder. */
  async stop(): Promise<void> {
    this.#stop.abort()
    // A server that takes nothing must not hold up whoever waits for this.
    await this.#destination.close().catch(() => {})
    await this.done
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#source
    const splitter = new LineSplitter()
    let from = this.#position
    try {
      for (;;) {
        using turn = linkedTo(signal)
        await using stream = await this.#source.follow(turn.signal)
        this.#ended = stream === undefined
        const to = stream?.position ?? endOf(log)
        for await (const lines of readLines(
          { log, ...(from ? { from } : {}), ...(to ? { to } : {}), signal },
          splitter,
        )) {
          await this.#send(lines)
        }
        this.#reached(to, splitter)
        if (!stream) break
        for await (const chunk of stream.output) {
          const lines: LogLine[] = []
          splitter.split(chunk, lines)
          if (lines.length > 0) await this.#send(lines)
          this.#reached(stream.reached, splitter)
        }
        signal.throwIfAborted()
        from = stream.reached
        if (!stream.lagged) break
      }
      this.#ended = true
      const rest = splitter.rest()
      if (rest.length > 0) await this.#send(rest)
      this.#position = endOf(log)
    } finally {
      this.#note()
    }
  }

  async #send(lines: readonly LogLine[]): Promise<void> {
    const { signal } = this.#stop
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      try {
        await this.#destination.send(lines)
        this.#troubled = false
        return
      } catch (error) {
        if (!this.#troubled) {
          this.#log.warn("forwarding a container's log failed; trying again", {
            container: this.#source.container,
            error: messageOf(error),
          })
        }
        this.#troubled = true
        if (this.#ended && attempt >= lastAttempts) throw error
        await pause(Math.min(50 * 2 ** attempt, longestPause), undefined, { signal, ref: false })
      }
    }
  }

  /** Everything up to `position` was sent; noted unless the beginning of a line is still waiting for its end. */
  #reached(position: LogPosition | undefined, splitter: LineSplitter): void {
    if (splitter.holdsBeginning) return
    this.#position = position
    if (Date.now() - this.#noted >= notedEvery) this.#note()
  }

  #note(): void {
    this.#noted = Date.now()
    if (!this.#position) return
    const { positionFile } = this.#source
    try {
      writeFileSync(`${positionFile}.new`, JSON.stringify(this.#position))
      renameSync(`${positionFile}.new`, positionFile)
    } catch {
      // The container's folder is gone, or the disk is full: at worst lines are sent again.
    }
  }
}

/** A signal that aborts with another one as long as it is held: whoever listens to it is let go of with it. */
function linkedTo(signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const abort = () => controller.abort(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener("abort", abort)
  return { signal: controller.signal, [Symbol.dispose]: () => signal.removeEventListener("abort", abort) }
}

function notedPosition(file: string): LogPosition | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as LogPosition
  } catch {
    return undefined
  }
}

function endOf(log: LogFiles): LogPosition | undefined {
  using segments = Segments.open(log)
  const last = segments.all.at(-1)
  return last && { generation: last.generation, offset: last.end }
}
