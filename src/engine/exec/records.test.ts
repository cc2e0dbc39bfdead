import { afterEach, beforeEach, expect, jest, test } from "bun:test"
import { type ExecRecord, ExecRecords } from "./records.ts"

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const minutes = 60_000

function exec(records: ExecRecords, id: string): ExecRecord {
  const record = { id, containerId: "c", status: "running" } as ExecRecord
  records.add(record)
  return record
}

function open() {
  const forgotten: string[] = []
  return { records: new ExecRecords(({ id }) => void forgotten.push(id)), forgotten }
}

test("an exec that has ended can be inspected for minutes, and is then forgotten", () => {
  const { records, forgotten } = open()
  const [first, second] = [exec(records, "first"), exec(records, "second")]
  exec(records, "running")
  records.ended(first)
  jest.advanceTimersByTime(3 * minutes)
  records.ended(second)
  jest.advanceTimersByTime(1.9 * minutes)
  expect(records.get("first")).toBe(first)
  jest.advanceTimersByTime(0.2 * minutes)
  expect([records.get("first"), records.get("second")]).toEqual([undefined, second])
  jest.advanceTimersByTime(3 * minutes)
  expect(forgotten).toEqual(["first", "second"])
  expect(records.size).toBe(1)
})

test("of more than a thousand execs that have ended the oldest are forgotten", () => {
  const { records, forgotten } = open()
  for (let number = 0; number < 1003; number++) records.ended(exec(records, `${number}`))
  expect(records.size).toBe(1000)
  expect(forgotten).toEqual(["0", "1", "2"])
})

test("an exec that was deleted is not forgotten a second time", () => {
  const { records, forgotten } = open()
  records.ended(exec(records, "gone"))
  records.delete("gone")
  jest.advanceTimersByTime(10 * minutes)
  expect(forgotten).toEqual([])
})
