import { expect, test } from "bun:test"
import { Turns } from "./turns.ts"

/** Holds the thread for so many milliseconds. */
function hold(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until; );
}

test("long work lets others run between its pieces", async () => {
  let others = 0
  const timer = setInterval(() => others++, 0)
  const turns = new Turns()
  for (let piece = 0; piece < 20; piece++) {
    hold(6)
    await turns.pass()
  }
  clearInterval(timer)
  expect(others).toBeGreaterThan(5)
})

test("short work goes through in one piece", async () => {
  let others = 0
  setImmediate(() => others++)
  await new Turns().pass()
  expect(others).toBe(0)
})
