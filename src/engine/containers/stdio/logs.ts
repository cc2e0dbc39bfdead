import type { Scope } from "../../../core/scope.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import type { LogFiles, LogPosition, OutputChunk } from "../../../logs/contract.ts"
import { LineSplitter, type LogLine } from "../../../logs/line-splitter.ts"
import { readChunks, readLines } from "../../../logs/reader.ts"
import type { AttachStream } from "../../../shim/contract.ts"
import { fixedNanosLength, formatNanosFixed } from "../../../std/clock.ts"
import { frame, frameHeaderLength, writeFrameHeader } from "../../../std/stdcopy.ts"
import { isReadable } from "../../logging/config.ts"
import { extraAttributes } from "../../logging/subject.ts"
import type { Container } from "../record/container.ts"
import { logConfig } from "./config.ts"
import type { LogStream, LogsOptions, StdioNeeds } from "./contract.ts"

type LogsNeeds = Pick<StdioNeeds, "tasks" | "containersRoot">

/** Carries out `Stdio.logs`. */
export function containerLogs(needs: LogsNeeds, scope: Scope, container: Container, options: LogsOptions): LogStream {
  if (!options.stdout && !options.stderr) {
    throw new Failure("invalidArgument", "Bad parameters: you must choose at least one stream")
  }
  const log = logConfig(needs, container)
  if (!isReadable(container.document.hostConfig.LogConfig)) {
    throw new Failure("notImplemented", "configured logging driver does not support reading")
  }
  const multiplexed = !container.document.config.Tty
  return {
    multiplexed,
    chunks: told(
      scope,
      multiplexed,
      encode(lines(needs, scope, container, log, options), multiplexed, options, details(container, options)),
    ),
  }
}

/** A log that cannot be read to its end says so in the stream, as dockerd does: its status has been sent. */
async function* told(
  scope: Scope,
  multiplexed: boolean,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    if (scope.signal?.aborted) throw error
    const text = Buffer.from(`Error grabbing logs: ${messageOf(error)}\n`)
    yield multiplexed ? frame("systemError", text) : text
  }
}

/** The output of a container up to a position (the end when absent), in its original pieces. */
export async function* logUpTo(log: LogFiles, to: LogPosition | undefined): AsyncGenerator<OutputChunk> {
  if (log.format === "none") return
  for await (const batch of readChunks({ log, ...(to ? { to } : {}) })) yield* batch
}

async function* lines(
  needs: LogsNeeds,
  scope: Scope,
  container: Container,
  log: LogFiles,
  options: LogsOptions,
): AsyncGenerator<readonly LogLine[]> {
  const bounds = {
    ...(options.since === undefined ? {} : { since: options.since }),
    ...(options.until === undefined ? {} : { until: options.until }),
    ...(options.tail === undefined ? {} : { tail: options.tail }),
    ...(scope.signal ? { signal: scope.signal } : {}),
  }
  const { startedAt } = container.state
  const follower = options.follow && container.running ? await followOutput(needs, scope, container) : undefined
  if (!follower) {
    yield* readLines({ log, ...bounds })
    return
  }
  const disconnected = container.followers.add()
  const splitter = new LineSplitter()
  let stream: AttachStream | undefined = follower
  try {
    yield* readLines({ log, ...bounds, to: stream.position }, splitter)
    for (;;) {
      for await (const chunk of stream.output) {
        if (options.until !== undefined && chunk.at > options.until) return
        const batch: LogLine[] = []
        splitter.split(chunk, batch)
        const { since } = options
        const wanted = since === undefined ? batch : batch.filter((line) => line.at >= since)
        if (wanted.length > 0) yield wanted
      }
      if (!stream.lagged) break
      // The client was too slow for live output. The file has all of it: continue there, then live again.
      const from: LogPosition = stream.reached
      await stream[Symbol.asyncDispose]()
      stream = await followOutput(needs, scope, container)
      yield* readLines({ log, ...bounds, tail: undefined, from, ...(stream ? { to: stream.position } : {}) }, splitter)
      if (!stream) break
    }
    const rest = splitter.rest()
    if (rest.length > 0) yield rest
    // Programs inspect the container as soon as its log has ended: its exit must be recorded by then.
    if (container.running && container.state.startedAt === startedAt) {
      await Promise.race([container.nextExit(), abortion(scope.signal)])
    }
  } finally {
    await stream?.[Symbol.asyncDispose]()
    disconnected()
  }
}

/** Carries out `Stdio.follow`. */
export async function followOutput(
  needs: Pick<StdioNeeds, "tasks">,
  scope: Scope,
  container: Container,
): Promise<AttachStream | undefined> {
  try {
    const stream = await needs.tasks.attach(scope, {
      id: container.id,
      stdin: false,
      stdout: true,
      stderr: true,
      role: "follower",
    })
    // An aborted request ends the wait for output that may never come.
    scope.signal?.addEventListener("abort", () => void stream[Symbol.asyncDispose](), { once: true })
    return stream
  } catch {
    return undefined
  }
}

async function* encode(
  batches: AsyncIterable<readonly LogLine[]>,
  multiplexed: boolean,
  options: LogsOptions,
  extra: string,
): AsyncGenerator<Uint8Array> {
  const head = multiplexed ? frameHeaderLength : 0
  for await (const batch of batches) {
    const wanted =
      options.stdout && options.stderr
        ? batch
        : batch.filter((line) => (line.stream === "stdout" ? options.stdout : options.stderr))
    const prefixLength = (options.timestamps ? fixedNanosLength + 1 : 0) + Buffer.byteLength(extra)
    const bytes = Buffer.allocUnsafe(
      wanted.reduce((length, line) => length + head + prefixLength + line.bytes.length, 0),
    )
    let at = 0
    for (const line of wanted) {
      if (multiplexed) writeFrameHeader(bytes, at, line.stream, prefixLength + line.bytes.length)
      at += head
      if (options.timestamps) at += bytes.write(`${formatNanosFixed(line.at)} `, at, "latin1")
      if (extra) at += bytes.write(extra, at)
      bytes.set(line.bytes, at)
      at += line.bytes.length
    }
    if (at > 0) yield bytes
  }
}

/** The prefix of `details`: labels and variables that the log options choose, `k=v,k=v`, sorted and escaped. */
function details(container: Container, options: LogsOptions): string {
  if (!options.details) return ""
  const chosen = extraAttributes(container.document.hostConfig.LogConfig.Config ?? {}, container)
  const pairs = Object.entries(chosen).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join(",")} `
}

/** Resolves when `signal` is aborted. */
const abortion = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) resolve()
    else signal?.addEventListener("abort", () => resolve(), { once: true })
  })
