import { expect, test } from "bun:test"
import { nowNanos } from "./clock.ts"

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
