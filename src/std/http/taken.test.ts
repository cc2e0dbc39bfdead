import { expect, test } from "bun:test"
import type { Socket } from "node:net"
import { taken } from "./taken.ts"

const socket = (state: object) =>
  ({ destroyed: false, writableLength: 0, _handle: { fd: 7 }, ...state }) as unknown as Socket

test("what was written is waited for until its reader has it", async () => {
  const left = [900, 900, 300, 0]
  const asked: number[] = []
  await taken(socket({}), (descriptor) => {
    asked.push(descriptor)
    return left.shift()!
  })
  expect(asked).toEqual([7, 7, 7, 7])
})

test("a reader that does not read is waited for only so long, one that has gone not at all", async () => {
  let looks = 0
  await taken(socket({}), () => ++looks)
  expect(looks).toBeGreaterThan(20)
  await taken(socket({ destroyed: true }), () => {
    throw new Error("the socket is gone")
  })
  await taken(socket({ _handle: null }), () => {
    throw new Error("there is no descriptor")
  })
})
