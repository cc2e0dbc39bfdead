import { expect, test } from "bun:test"
import type { OutputStream } from "./contract.ts"
import { LineSplitter, type LogLine, maxPiece } from "./line-splitter.ts"

/** What comes of chunks: stream, length and whether a piece is partial. */
function split(splitter: LineSplitter, ...chunks: readonly (readonly [OutputStream, string])[]) {
  const lines: LogLine[] = []
  for (const [stream, text] of chunks) splitter.split({ stream, at: 1n, bytes: Buffer.from(text) }, lines)
  return lines.map(({ stream, bytes, partial }) => [stream, bytes.length, partial])
}

const long = (length: number) => "x".repeat(length)

test("an unended line is kept up to 64 KiB, and given as a piece with its last byte", () => {
  const splitter = new LineSplitter()
  expect(split(splitter, ["stdout", long(maxPiece - 1)])).toEqual([])
  expect(splitter.holdsBeginning).toBe(true)
  expect(split(splitter, ["stdout", "x"])).toEqual([["stdout", maxPiece, true]])
  expect(splitter.holdsBeginning).toBe(false)
  expect(split(splitter, ["stdout", "\n"])).toEqual([["stdout", 1, false]])
})

test("an unended line that comes at once is cut into pieces of 64 KiB, and the rest is kept", () => {
  const splitter = new LineSplitter()
  expect(split(splitter, ["stdout", long(2 * maxPiece + 1)])).toEqual([
    ["stdout", maxPiece, true],
    ["stdout", maxPiece, true],
  ])
  expect(splitter.rest().map(({ bytes, partial }) => [bytes.length, partial])).toEqual([[1, true]])
  expect(splitter.rest()).toEqual([])
})

test("a beginning that is kept counts for the length of its piece", () => {
  const splitter = new LineSplitter()
  expect(split(splitter, ["stdout", "begin"], ["stdout", long(maxPiece)])).toEqual([["stdout", maxPiece, true]])
  expect(split(splitter, ["stdout", "\n"])).toEqual([["stdout", "begin".length + 1, false]])
})

test("a line that ends with its 64th KiB is one whole line", () => {
  expect(split(new LineSplitter(), ["stdout", `${long(maxPiece - 1)}\n`])).toEqual([["stdout", maxPiece, false]])
})

test("streams have their own beginnings, and one can be dropped", () => {
  const splitter = new LineSplitter()
  expect(split(splitter, ["stdout", "out"], ["stderr", "err"], ["stdout", "\n"])).toEqual([["stdout", 4, false]])
  splitter.drop("stderr")
  expect(splitter.holdsBeginning).toBe(false)
})
