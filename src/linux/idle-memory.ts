import { readFileSync, readlinkSync } from "node:fs"
import { libc, types } from "./libc.ts"

const c = libc({ madvise: { args: [types.u64, types.u64, types.i32], returns: types.i32 } })

const MADV_DONTNEED = 4

/** How often is looked whether there was anything to do, in milliseconds. */
const lookEvery = 5000
/** So much has come back since the last release, by work too small to be seen: worth another one. Bytes */
const worthwhile = 4 << 20
/** Periods until then: soon, for what follows work after a while; then rarely, for what is light but never ends. */
const againAfter = { first: 3, later: 12 }
/** A process that took less of a processor than this share of the time has nothing to do. */
const idleShare = 0.01

export interface IdleOptions {
  readonly period?: number
  /** The processor's time taken so far, in microseconds. */
  readonly taken?: () => number
  /** What is in memory, in bytes. */
  readonly resident?: () => number
  readonly release?: () => void
}

/**
 * Keeps what a process has in memory small while nothing happens: in the first quiet period after work the heap is
 * collected, and code that ran once, mostly at the start, is no longer mapped; what is needed again comes back from the
 * page cache by itself. So it is after work that takes hardly any time, once what came back for it is much. Disposing
 * ends it.
 */
export function keepSmallWhenIdle(options: IdleOptions = {}): Disposable {
  const {
    period = lookEvery,
    taken = processorTime,
    resident = process.memoryUsage.rss,
    release = releaseMemory,
  } = options
  let before = taken()
  /** What was in memory after the last release; 0 when there was work since. */
  let left = 0
  let since = 0
  let wait = againAfter.first
  const timer = setInterval(() => {
    since++
    const isIdle = taken() - before < period * 1000 * idleShare
    if (!isIdle) left = 0
    else if (left === 0 || (since >= wait && resident() - left > worthwhile)) {
      wait = left === 0 ? againAfter.first : againAfter.later
      release()
      left = resident()
      since = 0
    }
    before = taken()
  }, period)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Gives back what is not needed to go on. Takes some 20 ms. */
export function releaseMemory(): void {
  Bun.gc(true)
  trimHeap?.(0)
  const own = readlinkSync("/proc/self/exe")
  for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
    const [range, access] = line.split(" ", 2)
    // Code only: what was relocated when the program was loaded is read-only too, and would be lost.
    if (access !== "r-xp" || !line.endsWith(` ${own}`)) continue
    const [start, end] = range!.split("-").map((address) => BigInt(`0x${address}`))
    c.madvise(start!, end! - start!, MADV_DONTNEED)
  }
}

/** malloc_trim(3), which only glibc has. */
const trimHeap = (() => {
  try {
    return libc({ malloc_trim: { args: [types.u64], returns: types.i32 } }).malloc_trim
  } catch {
    return undefined
  }
})()
