import { expect, test } from "bun:test"
import { closeSync, openSync } from "node:fs"
import { LowDescriptors } from "./low-descriptors.ts"
import { Nftables } from "./nftables.ts"

/** More files open than select(2) knows. */
function manyFiles(): Disposable {
  const open = Array.from({ length: 1100 }, () => openSync("/dev/null", "r"))
  return { [Symbol.dispose]: () => open.forEach(closeSync) }
}

test("what is opened while low descriptors are lent is one of them, again and again", () => {
  using low = LowDescriptors.reserve()
  using _many = manyFiles()
  for (let round = 0; round < 3; round++) {
    const descriptor = low.lend(() => openSync("/dev/null", "r"))
    expect(descriptor).toBeLessThan(1024)
    closeSync(descriptor)
  }
})

test("what is kept of the lent ones is made up for as soon as low numbers are free again", () => {
  using low = LowDescriptors.reserve()
  const many = manyFiles()
  const taken = low.lend(() => Array.from({ length: 10 }, () => openSync("/dev/null", "r")))
  expect(() => low.lend(() => {})).toThrow("all descriptors below 1024 are in use")
  for (const descriptor of taken) closeSync(descriptor)
  expect(low.lend(() => "done")).toBe("done")
  many[Symbol.dispose]()
})

test("a process that has nothing but high descriptors left is told so", () => {
  using _many = manyFiles()
  expect(() => LowDescriptors.reserve()).toThrow("all descriptors below 1024 are in use")
})

test("libnftables, which waits with select, works in a process with more than 1024 open files", () => {
  using low = LowDescriptors.reserve()
  using _many = manyFiles()
  using nft = Nftables.open(low)
  expect(nft.list("list tables").length).toBeGreaterThan(0)
})
