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

test("memory is released once in each quiet time, and not while there is work", async () => {
  let taken = 0
  let isBusy = false
  let releases = 0
  const ticks = async (count: number) => {
    for (let tick = 0; tick < count; tick++) await Bun.sleep(5)
  }
  using _keeping = keepSmallWhenIdle({
    period: 5,
    taken: () => (isBusy ? ++taken * 1000 : taken * 1000),
    release: () => releases++,
  })
  while (releases === 0) await ticks(1)
  await ticks(10)
  expect(releases).toBe(1)
  isBusy = true
  await ticks(10)
  expect(releases).toBe(1)
  isBusy = false
  while (releases === 1) await ticks(1)
  await ticks(10)
  expect(releases).toBe(2)
})
