import { expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { footprint } from "../fixtures/footprint.ts"
import { growth, soak } from "../fixtures/soak.ts"

/** `npm run bench soak` does it 10,000 times. */
const cycles = Number(process.env["SOAK_CYCLES"] ?? 200)

test(`after ${cycles} cycles of mixed work a daemon and its shim hold what they held before`, async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await soak(daemon, 40)
  const before = await footprint(daemon)
  await soak(daemon, cycles)
  let grown: string[] = []
  await eventually(async () => {
    grown = growth(before, await footprint(daemon))
    return grown.length === 0
  }, "the end of what the cycles held").catch(() => {})
  expect(grown).toEqual([])
})
