import { expect, test } from "bun:test"
import { DetachWatch, parseDetachKeys } from "./detach-keys.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (chunk: Uint8Array) => new TextDecoder().decode(chunk)

test("the default sequence is ctrl-p, ctrl-q", () => {
  expect([...parseDetachKeys(undefined)]).toEqual([16, 17])
})

test("bad keys are refused in Docker's words", () => {
  expect(() => parseDetachKeys("ctrl-A,a")).toThrow("Invalid detach keys (ctrl-A,a) provided")
})

test("a sequence cut over two chunks is found and never reaches the process", () => {
  const watch = new DetachWatch(parseDetachKeys("ctrl-p,ctrl-q"))
  expect(text(watch.feed(bytes("ab\x10")).bytes)).toBe("ab")
  expect(watch.feed(bytes("\x11"))).toEqual({ bytes: new Uint8Array(), detached: true })
})

test("held-back bytes are given on when the sequence does not go on", () => {
  const watch = new DetachWatch(parseDetachKeys("ctrl-p,ctrl-q"))
  watch.feed(bytes("\x10"))
  expect(text(watch.feed(bytes("x")).bytes)).toBe("\x10x")
})
