import { expect, test } from "bun:test"
import { TurnQueue, Turns } from "./turns.ts"

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

test("work that comes at one moment goes on piece by piece, in its order, while others run", async () => {
  const queue = new TurnQueue()
  const begun: number[] = []
  let others = 0
  const timer = setInterval(() => others++, 0)
  await Promise.all(
    Array.from({ length: 20 }, async (_, piece) => {
      await queue.enter()
      begun.push(piece)
      hold(6)
    }),
  )
  clearInterval(timer)
  expect(begun).toEqual(Array.from({ length: 20 }, (_, piece) => piece))
  expect(others).toBeGreaterThan(5)
})

test("what comes later does not wait for all that waits", async () => {
  const queue = new TurnQueue("newest too")
  let left = 30
  const many = Array.from({ length: left }, async () => {
    await queue.enter()
    hold(6)
    left--
  })
  await new Promise((resolve) => setTimeout(resolve, 0))
  await queue.enter()
  expect(left).toBeGreaterThan(10)
  await Promise.all(many)
})

test("work that comes alone begins at once, again and again", async () => {
  const queue = new TurnQueue()
  for (let piece = 0; piece < 5; piece++) {
    expect(queue.enter()).toBeUndefined()
    hold(6)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
})
