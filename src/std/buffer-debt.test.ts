import { expect, test } from "bun:test"
import { BufferDebt } from "./buffer-debt.ts"

test("garbage is collected each time that enough bytes were let go", () => {
  let runs = 0
  const debt = new BufferDebt(100, () => {
    runs++
  })
  for (let i = 0; i < 9; i++) debt.add(11)
  expect(runs).toBe(0)
  debt.add(11)
  expect(runs).toBe(1)
})

test("a collector that takes long is not asked again at once", () => {
  let runs = 0
  const debt = new BufferDebt(1, () => {
    runs++
    const until = performance.now() + 5
    while (performance.now() < until);
  })
  debt.add(1)
  debt.add(1)
  expect(runs).toBe(1)
})
