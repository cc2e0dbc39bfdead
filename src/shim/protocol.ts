import { Failure, type Kind, kindOf, messageOf } from "../errors/failure.ts"
import type { LogPosition, OutputStream } from "../logs/contract.ts"
import type { SpanRecord } from "../trace/span.ts"
import type { ShimEvent } from "./contract.ts"

/**
 * What daemon and shim say to each other on `RUN/shim/shim.sock`: frames of length (u32, of what follows), type (u8) and
 * body, little endian. A connection's first request makes it what it is: `hello` a control connection, `attach` one live
 * stream of a process's stdio, `keep` one that carries descriptors. `hello` and `upgrade` never change: a newer daemon
 * must be able to replace any older shim.
 */
export const protocolVersion = 1

export const frameTypes = {
  /** JSON {@link WireRequest}. */
  request: 1,
  /** JSON {@link WireAnswer}. */
  answer: 2,
  /** JSON {@link WireEvent}. */
  event: 3,
  /** Stream (u8: 1, 2), time (u64), generation (u64) and offset (u64) of the log after it, then bytes. */
  output: 4,
  /** Bytes for stdin. */
  input: 5,
  /** No more input from this client: the process's stdin is closed. */
  inputEnd: 6,
  /** JSON {@link WireEnd}: no more output. */
  outputEnd: 7,
  /** JSON {@link WireKept}, with the descriptors named in it. */
  kept: 8,
} as const

export interface WireRequest {
  readonly n: number
  readonly method: string
  readonly params?: unknown
  readonly traceparent?: string
}

export interface WireAnswer {
  readonly n: number
  readonly result?: unknown
  readonly error?: { readonly kind: Kind; readonly message: string }
  readonly spans?: readonly SpanRecord[]
}

export type WireEvent =
  | Exclude<ShimEvent, { readonly type: "reconnected" }>
  /** Spans that ended after the answer they belong to. */
  | { readonly type: "spans"; readonly id: string; readonly execId?: string; readonly spans: readonly SpanRecord[] }
  /** A descriptor kept by the daemon is of no use any more. */
  | { readonly type: "release"; readonly id: string; readonly execId?: string; readonly names?: readonly string[] }

export interface WireEnd {
  readonly lagged: boolean
  readonly position: LogPosition
}

/** Duplicates of a process's descriptors, for the daemon to hold: they outlive a shim that is killed. */
export interface WireKept {
  readonly id: string
  readonly execId?: string
  /** `stdin`, `stdout`, `stderr`, `master`, `pidfd`: in the order of the descriptors. */
  readonly names: readonly string[]
}

export interface Hello {
  readonly protocol: number
  readonly version: string
  readonly pid: number
  /** Differs for every shim that was started anew; stays over upgrades. */
  readonly instance: string
}

/** Most bytes of one frame from a client. */
export const maxRequest = 1024 * 1024
/** Most bytes of one frame from the shim. */
export const maxAnswer = 64 * 1024 * 1024
/** Most bytes of one input frame. */
export const maxInput = 64 * 1024

const prefixLength = 5
/** Bytes before the payload of an output frame. */
export const outputPrefix = prefixLength + 1 + 24

/** A whole frame around `body`. */
export function frame(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(prefixLength + body.length)
  bytes.writeUInt32LE(1 + body.length, 0)
  bytes[4] = type
  bytes.set(body, prefixLength)
  return bytes
}

export const jsonFrame = (type: number, value: unknown): Buffer => frame(type, Buffer.from(JSON.stringify(value)))

export const streamNumber = { stdout: 1, stderr: 2 } as const

/** Writes the prefix of an output frame right before the `length` bytes at `start`. @returns where the frame begins */
export function encloseOutput(
  buffer: Buffer,
  start: number,
  length: number,
  stream: OutputStream,
  at: bigint,
  reached: LogPosition,
): number {
  const begin = start - outputPrefix
  buffer.writeUInt32LE(1 + 1 + 24 + length, begin)
  buffer[begin + 4] = frameTypes.output
  buffer[begin + 5] = streamNumber[stream]
  buffer.writeBigUInt64LE(at, begin + 6)
  buffer.writeBigUInt64LE(BigInt(reached.generation), begin + 14)
  buffer.writeBigUInt64LE(BigInt(reached.offset), begin + 22)
  return begin
}

/** Takes an output frame's body apart. */
export function readOutput(body: Buffer): {
  readonly stream: OutputStream
  readonly at: bigint
  readonly bytes: Buffer
  readonly reached: LogPosition
} {
  return {
    stream: body[0] === streamNumber.stderr ? "stderr" : "stdout",
    at: body.readBigUInt64LE(1),
    reached: { generation: Number(body.readBigUInt64LE(9)), offset: Number(body.readBigUInt64LE(17)) },
    bytes: body.subarray(25),
  }
}

export interface Frame {
  readonly type: number
  readonly body: Buffer
}

/** Finds frames in a stream of bytes. */
export class FrameParser {
  readonly #most: number
  #parts: Buffer[] = []
  #length = 0

  /** @param most longest frame accepted, in bytes */
  constructor(most: number) {
    this.#most = most
  }

  /** Bytes of a frame that is not whole yet. */
  get pending(): Buffer {
    return Buffer.concat(this.#parts)
  }

  /**
   * Adds bytes, which must not change afterwards, and gives the frames that are whole now; they share the bytes' memory.
   * @throws invalidArgument for a frame that is too long
   */
  *push(bytes: Buffer): Generator<Frame> {
    if (bytes.length > 0) this.#parts.push(bytes)
    this.#length += bytes.length
    while (this.#length >= prefixLength) {
      if (this.#parts[0]!.length < prefixLength) this.#join()
      const size = this.#parts[0]!.readUInt32LE(0)
      if (size < 1 || size > this.#most)
        throw new Failure("invalidArgument", `a frame of ${size} bytes is not accepted`)
      if (this.#length < 4 + size) return
      if (this.#parts[0]!.length < 4 + size) this.#join()
      const whole = this.#parts[0]!
      const rest = whole.subarray(4 + size)
      if (rest.length > 0) this.#parts[0] = rest
      else this.#parts.shift()
      this.#length -= 4 + size
      yield { type: whole[4]!, body: whole.subarray(prefixLength, 4 + size) }
    }
  }

  #join(): void {
    this.#parts = [Buffer.concat(this.#parts)]
  }
}

/** A failure's form on the wire. */
export const wireError = (error: unknown): { kind: Kind; message: string } => ({
  kind: kindOf(error),
  message: messageOf(error),
})
