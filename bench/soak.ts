// Ten thousand cycles of mixed work, or as many as are asked for: what daemon and shim hold must stay bounded.
import { TestDaemon } from "../test/fixtures/daemon.ts"
import { eventually } from "../test/fixtures/eventually.ts"
import { type Footprint, footprint } from "../test/fixtures/footprint.ts"
import { growth, soak } from "../test/fixtures/soak.ts"

const cycles = Number(process.argv[2] ?? 10_000)
const parts = 10

await using daemon = await TestDaemon.start()
await daemon.bootstrap()
await soak(daemon, 100)
const before = await footprint(daemon)
const print = (done: number, { ...held }: Footprint) => console.log(`${done} cycles: ${JSON.stringify(held)}`)
print(0, before)
for (let part = 1; part <= parts; part++) {
  await soak(daemon, Math.ceil(cycles / parts))
  print(Math.ceil((cycles * part) / parts), await footprint(daemon))
}
let grown: string[] = []
await eventually(async () => {
  grown = growth(before, await footprint(daemon))
  return grown.length === 0
}, "the end of what the cycles held").catch(() => {})
console.log(grown.length === 0 ? "nothing has grown" : `grown: ${grown.join("; ")}`)
process.exitCode = grown.length === 0 ? 0 : 1
