import { expect, test } from "bun:test"
import { parseBool, parseDecimal, parseInteger } from "./strconv.ts"

test("booleans are Go's", () => {
  expect(["t", "1", "True", "FALSE", "0", "f"].map(parseBool)).toEqual([true, true, true, false, false, false])
  expect(() => parseBool("yes")).toThrow('strconv.ParseBool: parsing "yes": invalid syntax')
  expect(() => parseBool("tRue")).toThrow("invalid syntax")
})

test("whole numbers are Go's, with its prefixes where base 0 is meant", () => {
  expect(["0x1f", "0b11", "0o17", "017", "1_000", "-7"].map((text) => parseInteger(text, 64, true))).toEqual([
    31n,
    3n,
    15n,
    15n,
    1000n,
    -7n,
  ])
  expect([parseDecimal("017", 64, true), parseDecimal("+5", 64, true)]).toEqual([17n, 5n])
  expect(() => parseDecimal("0x1f", 64, true)).toThrow('strconv.ParseInt: parsing "0x1f": invalid syntax')
  expect(() => parseDecimal("65536", 16, false)).toThrow('strconv.ParseUint: parsing "65536": value out of range')
  expect(() => parseInteger("-1", 16, false)).toThrow('strconv.ParseUint: parsing "-1": invalid syntax')
})
