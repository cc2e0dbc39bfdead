import { expect, test } from "bun:test"
import { readFileSync, readlinkSync } from "node:fs"
import { keepSmallWhenIdle, releaseMemory } from "./idle-memory.ts"

/** Kilobytes of this program's code that are mapped. */
function mappedCode(): number {
  const own = readlinkSync("/proc/self/exe")
  let total = 0
  let isCode = false
  for (const line of readFileSync("/proc/self/smaps", "latin1").split("\n")) {
    if (/^[0-9a-f]+-/.test(line)) isCode = line.includes(" r-xp ") && line.endsWith(` ${own}`)
    else if (isCode && line.startsWith("Rss:")) total += Number(line.split(/\s+/)[1])
  }
  return total
}

test("code that is not needed is let go, and comes back when it is", () => {
  const before = mappedCode()
  releaseMemory()
  expect(mappedCode()).toBeLessThan(before)
  expect(JSON.parse(JSON.stringify({ a: [1, "two"] }))).toEqual({ a: [1, "two"] })
})

/** A process that is kept small, as it looks to who watches its releases. */
function watched() {
  const process = { isBusy: false, resident: 50 << 20, taken: 0, looks: 0, releases: 0 }
  const keeping = keepSmallWhenIdle({
    period: 2,
    taken: () => {
      process.looks++
      if (process.isBusy) process.taken += 1000
      return process.taken
    },
    resident: () => process.resident,
    release: () => process.releases++,
  })
  /** Until it has looked so many times more, twice in each period. */
  const periods = async (count: number) => {
    for (const until = process.looks + 2 * count; process.looks < until; ) await Bun.sleep(1)
  }
  return { process, periods, [Symbol.dispose]: () => keeping[Symbol.dispose]() }
}

test("memory is released once in each quiet time, and not while there is work", async () => {
  using watch = watched()
  const { process, periods } = watch
  await periods(3)
  expect(process.releases).toBe(1)
  await periods(20)
  expect(process.releases).toBe(1)
  process.isBusy = true
  await periods(20)
  expect(process.releases).toBe(1)
  process.isBusy = false
  await periods(3)
  expect(process.releases).toBe(2)
})

test("work that takes hardly any time brings memory back: it is released again soon, then rarely, and not for a little", async () => {
  using watch = watched()
  const { process, periods } = watch
  await periods(3)
  process.resident += 1 << 20
  await periods(20)
  expect(process.releases).toBe(1)
  process.resident += 20 << 20
  await periods(3)
  expect(process.releases).toBe(2)
  process.resident += 20 << 20
  await periods(6)
  expect(process.releases).toBe(2)
  await periods(15)
  expect(process.releases).toBe(3)
})
