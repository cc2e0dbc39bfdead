import { expect, test } from "bun:test"
import { sortedByName, sortedInTurns } from "./sorted.ts"
import { Turns } from "./turns.ts"

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

test("long lists are sorted as short ones are", async () => {
  for (const length of [0, 1, 2, 1023, 1024, 1025, 5000]) {
    const texts = Array.from({ length }, (_, at) => `${(at * 7919) % 3001} ${String.fromCharCode(at * 37)}`)
    expect(await sortedInTurns(texts, new Turns())).toEqual(texts.toSorted())
  }
})
