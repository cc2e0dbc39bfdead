import { expect, test } from "bun:test"
import { Failure } from "../errors/failure.ts"
import { bytesSize, humanSize, parseBytes, parseDecimalBytes } from "./byte-size.ts"

test("sizes are read in Docker's spelling, in powers of 1024 or of 1000", () => {
  expect(["10", "1k", "1.5 MiB", "2g", ".5kb", "64B", "8p"].map(parseBytes)).toEqual([
    10,
    1024,
    1_572_864,
    2 ** 31,
    512,
    64,
    8n * 1024n ** 5n,
  ])
  expect(["1k", "10MB", "1GiB"].map(parseDecimalBytes)).toEqual([1000, 10_000_000, 1_000_000_000])
})

test.each([
  ["much", "invalid size: 'much'"],
  ["-1", "invalid size: '-1'"],
  ["", "invalid size: ''"],
  ["1kib2", "invalid suffix: 'kib2'"],
  ["1  k", "invalid suffix: ' k'"],
  ["1bb", "invalid suffix: 'bb'"],
])("%j is no size", (text, message) => {
  expect(() => parseBytes(text)).toThrow(new Failure("invalidArgument", message))
})

test("sizes are shown as docker shows them", () => {
  expect([0, 999, 1_985_000, 12e9].map((bytes) => humanSize(bytes))).toEqual(["0B", "999B", "1.985MB", "12GB"])
  expect([humanSize(1_234_567, 3), bytesSize(25_276_049_408n)]).toEqual(["1.23MB", "23.54GiB"])
})
