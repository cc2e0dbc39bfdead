import { expect, test } from "bun:test"
import { Losses } from "./losses.ts"
import type { LogTrouble } from "./writer.ts"

function losses() {
  const told: Parameters<LogTrouble>[0][] = []
  return { told, losses: new Losses((trouble) => told.push(trouble)) }
}

const full = () => {
  throw new Error("no space left on device")
}

test("a loss is told once when it begins, however much follows, and once when it is over", () => {
  const { told, losses: of } = losses()
  expect(of.attempt(10, full)).toBe(false)
  expect(of.attempt(20, full)).toBe(false)
  of.add(5)
  expect(told).toEqual([{ recovered: false, lost: 10, why: "no space left on device" }])
  const marked: number[] = []
  expect(of.settle((lost) => marked.push(lost))).toBe(true)
  expect(marked).toEqual([35])
  expect(told.slice(1)).toEqual([{ recovered: true, lost: 35 }])
})

test("a loss that cannot be marked yet is not over, and is not told again", () => {
  const { told, losses: of } = losses()
  of.attempt(10, full)
  expect(of.settle(full)).toBe(false)
  of.attempt(1, full)
  expect(told).toHaveLength(1)
  expect(of.settle((lost) => expect(lost).toBe(11))).toBe(true)
})

test("a loss after one that was over is another one", () => {
  const { told, losses: of } = losses()
  of.attempt(10, full)
  of.settle(() => {})
  of.attempt(3, full)
  of.settle(() => {})
  expect(told.map(({ recovered, lost }) => [recovered, lost])).toEqual([
    [false, 10],
    [true, 10],
    [false, 3],
    [true, 3],
  ])
})

test("without a loss nothing is told or marked", () => {
  const { told, losses: of } = losses()
  expect(of.attempt(10, () => {})).toBe(true)
  expect(of.settle(full)).toBe(true)
  expect(told).toEqual([])
})
