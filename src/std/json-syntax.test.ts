import { expect, test } from "bun:test"
import { findJsonFault } from "./json-syntax.ts"

const faults: readonly (readonly [string, string])[] = [
  ["{invalid json", "invalid character 'i' looking for beginning of object key string"],
  ["nope", "invalid character 'o' in literal null (expecting 'u')"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ["[1 2]", "invalid character '2' after array element"],
  ["<html>", "invalid character '<' looking for beginning of value"],
  ['{"a":"x', "unexpected EOF"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ["[".repeat(100_000), "exceeded max depth"],
]
for (const [text, message] of faults) {
  test(`${text.slice(0, 20)} is explained`, () => {
    expect(findJsonFault(text)).toEqual({ kind: "syntax", message })
  })
}

test("nothing, more than one document, and a good one are told apart", () => {
  expect(findJsonFault(" \n")).toEqual({ kind: "empty" })
  expect(findJsonFault("{} trailing")).toEqual({ kind: "trailing" })
  expect(findJsonFault(' {"a":[1,-2.5e3,"\\u00e9",null,true]} ')).toBeUndefined()
})
