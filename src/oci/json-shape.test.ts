import { expect, test } from "bun:test"
import { jsonShape } from "./json-shape.ts"

const shape = (text: string) => jsonShape(Buffer.from(text))

test("the outermost names are told as they are written, whatever lies within strings and below", () => {
  const text = String.raw`{"a":{"b":[{"c":1}]},"a" :"}{\"x\":1","\u0062":[":","{"],"":null}`
  expect(shape(text)).toEqual({ depth: 4, fields: 4, keys: ['"a"', '"a"', String.raw`"\u0062"`, '""'] })
})

test("levels and the fields of the largest object are counted, siblings apart", () => {
  expect(shape("[".repeat(500) + "]".repeat(500)).depth).toBe(500)
  expect(shape("[".repeat(5_000_000)).depth).toBe(1001)
  expect(shape(`{${'"a":1,'.repeat(200_000)}"b":1}`).fields).toBe(100_001)
  expect(shape('{"a":{"x":1,"y":2,"z":3},"b":{"x":1}}')).toMatchObject({ depth: 2, fields: 3 })
  expect(shape('[{"a":1},{"a":1}]').fields).toBe(1)
})

test("what is not JSON does no harm", () => {
  for (const text of ["", "]]]]{", '"', '{"a', '{"a\\', ":::", "}:}"]) expect(shape(text).depth).toBeLessThan(2)
})
