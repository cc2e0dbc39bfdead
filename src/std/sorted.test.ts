import { expect, test } from "bun:test"
import { sortedByName } from "./sorted.ts"

test("entries are in the order of their names", () => {
  const sorted = sortedByName({ b: 1, "a-b": 2, a: 3, B: 4 })
  expect(Object.entries(sorted)).toEqual([
    ["B", 4],
    ["a", 3],
    ["a-b", 2],
    ["b", 1],
  ])
})

test("what is in order already is not copied", () => {
  const entries = { a: 1, b: 2 }
  expect(sortedByName(entries)).toBe(entries)
  expect(sortedByName({})).toEqual({})
})
