import { expect, test } from "bun:test"
import { WeighedMap } from "./weighed-map.ts"

test("drops what was put in first until the rest is light enough", () => {
  const map = new WeighedMap<string, number>(10)
  map.set("a", 1, 4)
  map.set("b", 2, 4)
  map.set("c", 3, 6)
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([undefined, 2, 3])
})

test("a value that takes another's place, or is deleted, weighs once", () => {
  const map = new WeighedMap<string, number>(10)
  map.set("a", 1, 6)
  map.set("a", 2, 6)
  map.set("b", 3, 4)
  expect([map.get("a"), map.get("b")]).toEqual([2, 3])
  map.delete("a")
  map.delete("a")
  map.set("c", 4, 6)
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([undefined, 3, 4])
})

test("what is heavier than the limit drops nothing else", () => {
  const map = new WeighedMap<string, number>(10)
  map.set("a", 1, 4)
  map.set("b", 2, 11)
  expect([map.get("a"), map.get("b")]).toEqual([1, undefined])
})
