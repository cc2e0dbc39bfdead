import { expect, test } from "bun:test"
import { nanosClock, nowNanos } from "./clock.ts"

test("the time is later with every look, and never before what the wall clock showed", () => {
  let last = 0n
  const end = performance.now() + 20
  while (performance.now() < end) {
    const wall = BigInt(Date.now()) * 1_000_000n
    const now = nowNanos()
    expect(now > last).toBe(true)
    expect(now >= wall).toBe(true)
    last = now
  }
})

test("the time is never ahead of the wall clock, however long it takes to look at both clocks", () => {
  /** Nanoseconds that pass before each look at a clock. */
  const pauses = [0n, 300n, 2_600_000n, 100n, 40n, 950_000n, 7n, 2_999_999n, 12n]
  let wall = 1_000_000_000_123_456n
  let look = 0
  const pass = () => {
    wall += pauses[look++ % pauses.length]! + 1n
  }
  const clock = nanosClock({
    wallMillis: () => {
      pass()
      return Number(wall / 1_000_000n)
    },
    ticks: () => {
      pass()
      return wall - 77n
    },
  })
  for (let count = 0; count < 500; count++) expect(clock()).toBeLessThanOrEqual(wall)
})

test("a wall clock that is set back is followed, and the time goes on increasing", () => {
  let millis = 5_000_000
  let ticks = 0n
  const clock = nanosClock({ wallMillis: () => millis, ticks: () => (ticks += 1000n) })
  const before = clock()
  millis -= 60_000
  expect(clock()).toBe(BigInt(millis) * 1_000_000n)
  millis -= 5
  const after = clock()
  expect(after).toBeGreaterThan(BigInt(millis) * 1_000_000n)
  expect(after).toBeLessThan(before)
})
