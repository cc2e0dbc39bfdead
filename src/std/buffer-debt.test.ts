import { expect, test } from "bun:test"
import { BufferDebt } from "./buffer-debt.ts"

const view = (bytes: number) => new Uint8Array(2 * bytes).subarray(bytes)

test("a buffer with memory of its own is freed at once and is no debt", () => {
  const own = new Uint8Array(1000)
  new BufferDebt(100, () => expect.unreachable()).free([own])
  expect(own.buffer.byteLength).toBe(0)
})

test("a view leaves the buffer that it is part of alone", () => {
  const whole = new Uint8Array(1000)
  new BufferDebt(10_000, () => {}).free([whole.subarray(0, 10)])
  expect(whole.buffer.byteLength).toBe(1000)
})

test("garbage is collected each time that enough bytes of views were let go", () => {
  let runs = 0
  const debt = new BufferDebt(100, () => {
    runs++
  })
  for (let i = 0; i < 9; i++) debt.free([view(11)])
  expect(runs).toBe(0)
  debt.free([view(11)])
  expect(runs).toBe(1)
})

test("a collector that takes long is not asked again at once", () => {
  let runs = 0
  const debt = new BufferDebt(1, () => {
    runs++
    const until = performance.now() + 5
    while (performance.now() < until);
  })
  debt.free([view(1)])
  debt.free([view(1)])
  expect(runs).toBe(1)
})
