import { expect, test } from "bun:test"
import { updatedLabels } from "./labels.ts"

const labels = { a: "1", b: "2" }

test("an update without a mask replaces all labels; empty values are none", () => {
  expect(updatedLabels(labels, { b: "3", c: "" }, undefined, "x")).toEqual({ b: "3" })
  expect(updatedLabels(labels, { b: "3" }, [], "x")).toEqual({ b: "3" })
  expect(updatedLabels(labels, { b: "3" }, ["labels"], "x")).toEqual({ b: "3" })
})

test("a mask changes the labels that it names, dots included, and removes those that are not given", () => {
  expect(updatedLabels(labels, { "c.d": "3", e: "4" }, ["labels.c.d", "labels.a"], "x")).toEqual({ b: "2", "c.d": "3" })
})

test("a mask of another field is refused", () => {
  expect(() => updatedLabels(labels, {}, ["target"], "image a")).toThrow('cannot update "target" field on image a')
})
