import { expect, test } from "bun:test"
import { decodeJson, encodeJson } from "./json.ts"

test("integers above 2^53 survive a round trip exactly", () => {
  const text = '{"timeNano":1732420000123456789,"small":5,"fraction":1.5}'
  const value = decodeJson(text) as { timeNano: bigint; small: number }
  expect(value.timeNano).toBe(1732420000123456789n)
  expect(value.small).toBe(5)
  expect(encodeJson(value)).toBe(text)
})

test("digits within strings stay strings", () => {
  expect(decodeJson('{"a":"1732420000123456789"}')).toEqual({ a: "1732420000123456789" })
})

test("broken JSON throws a SyntaxError", () => {
  expect(() => decodeJson("{")).toThrow(SyntaxError)
})
