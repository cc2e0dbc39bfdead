import { expect, test } from "bun:test"
import type { SpanRecord } from "./span.ts"
import { waterfall } from "./waterfall.ts"

const span = (spanId: string, start: number, end: number, more: Partial<SpanRecord> = {}): SpanRecord => ({
  traceId: "t",
  spanId,
  layer: "core",
  name: spanId,
  start: String(start * 1_000_000),
  end: String(end * 1_000_000),
  ...more,
})

test("steps stand below what caused them, in order of time", () => {
  const text = waterfall(
    [span("late", 5, 9, { parentId: "root" }), span("root", 0, 10), span("early", 1, 2, { parentId: "root" })],
    {
      columns: 120,
      colours: false,
    },
  )
  expect(
    text
      .split("\n")
      .slice(1, 4)
      .map((line) => line.slice(9, 20).trimEnd()),
  ).toEqual(["root", "  early", "  late"])
})

test("a step whose cause is not known is shown all the same", () => {
  expect(waterfall([span("orphan", 0, 1, { parentId: "elsewhere" })], { columns: 80, colours: false })).toContain(
    "orphan",
  )
})

test("what went wrong is told", () => {
  expect(waterfall([span("bad", 0, 1, { error: "no room" })], { columns: 80, colours: false })).toContain("✗ no room")
})

test("an ID leaves room for what is done to it", () => {
  const name = `POST /containers/${"0123456789ab".repeat(5)}cdef/start`
  const text = waterfall([span("a", 0, 1, { name })], { columns: 120, colours: false })
  expect(text).toContain(" POST /containers/0123456789ab/start ")
})
