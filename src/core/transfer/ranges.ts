import { ConnectionFailure } from "../../distribution/connection-failure.ts"
import type { RemoteBlob } from "../../distribution/remote-blob.ts"

export interface RangeOptions {
  /** Blobs smaller than this, in bytes, come in one stream. */
  readonly from: number
  /** Bytes of one range. */
  readonly size: number
  /** Ranges under way at the same time. */
  readonly atOnce: number
  /** Milliseconds that a download must still take, at its speed, to be worth dividing. */
  readonly worth: number
}

export const defaultRanges: RangeOptions = { from: 32 << 20, size: 8 << 20, atOnce: 4, worth: 3000 }

/** Milliseconds after which the speed of a stream is known. */
const measured = 1000

type Open = (offset: number, length: number, signal: AbortSignal) => Promise<RemoteBlob>

/**
 * The bytes of a blob from `offset` on, in order. Begins with the stream that is open; one that turns out slow is replaced
 * by several ranges at a time, because registries limit the speed of single connections.
 */
export async function* inRanges(
  first: RemoteBlob,
  offset: number,
  size: number,
  open: Open,
  options: RangeOptions,
): AsyncGenerator<Uint8Array> {
  const began = performance.now()
  let at = first.offset
  let slow = false
  for await (const chunk of first.body) {
    // A stream that begins earlier than asked for.
    const skipped = Math.max(0, Math.min(chunk.length, offset - at))
    at += chunk.length
    if (skipped < chunk.length) yield skipped > 0 ? chunk.subarray(skipped) : chunk
    const elapsed = performance.now() - began
    if (!first.rangeable || size < options.from || elapsed < Math.min(measured, options.worth) || at <= offset) continue
    const remaining = ((size - at) / (at - first.offset)) * elapsed
    slow = remaining >= options.worth && size - at > options.size
    if (slow) break
  }
  if (slow) yield* divided(at, size, open, options)
}

async function* divided(from: number, size: number, open: Open, options: RangeOptions): AsyncGenerator<Uint8Array> {
  const stop = new AbortController()
  const pending: Promise<Buffer>[] = []
  let next = from
  const start = () => {
    const offset = next
    const length = Math.min(options.size, size - offset)
    next += length
    const part = whole(offset, length, open, stop.signal)
    part.catch(() => {})
    pending.push(part)
  }
  try {
    while (pending.length > 0 || next < size) {
      while (pending.length < options.atOnce && next < size) start()
      yield await pending.shift()!
    }
  } finally {
    stop.abort()
  }
}

/** @throws ConnectionFailure when the registry sends something else than the range */
async function whole(offset: number, length: number, open: Open, signal: AbortSignal): Promise<Buffer> {
  const part = await open(offset, length, signal)
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  if (part.offset !== offset) part.discard()
  else {
    for await (const chunk of part.body) {
      if (filled + chunk.length > length) break
      bytes.set(chunk, filled)
      filled += chunk.length
    }
  }
  if (filled === length) return bytes
  throw new ConnectionFailure(`the registry sent other bytes than the ${length} from ${offset} on`, false, undefined)
}
