import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { readLines } from "../../src/logs/reader.ts"
import type { LogConfig } from "../../src/shim/contract.ts"
import { eventually } from "../fixtures/eventually.ts"
import { plainIo, ShimWorld } from "../fixtures/shim-world.ts"

/** Containers per log format and way of killing; BARGE_KILLED_CONTAINERS=125 makes 500. */
const containers = Number(process.env["BARGE_KILLED_CONTAINERS"] ?? 12)
/** So many run at a time. */
const wave = 6
const lineCount = 4000
/** Two writes a line, so that kills fall into lines too. */
const counter = `i=0; while [ $i -lt ${lineCount} ]; do i=$((i+1)); printf "number "; echo $i; done`

let world: ShimWorld
beforeAll(async () => {
  world = await ShimWorld.start()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const random = (below: number) => Math.floor(Math.random() * below)
const expected = Array.from({ length: lineCount }, (_, index) => `number ${index + 1}\n`)

async function expectWhole(log: LogConfig): Promise<void> {
  const lines: string[] = []
  for await (const batch of readLines({ log })) for (const line of batch) lines.push(line.bytes.toString())
  // Compared by text: a difference of thousands of lines would bury what went wrong.
  const wrong = expected.findIndex((line, index) => lines[index] !== line)
  expect({ wrong, lines: lines.length, there: lines[wrong] }).toEqual({ wrong: -1, lines: lineCount, there: undefined })
}

/** Runs counters in waves, with `meanwhile` happening while each wave is at work. */
async function runAll(name: string, change: Partial<LogConfig>, meanwhile: (pids: readonly number[]) => Promise<void>) {
  for (let first = 0; first < containers; first += wave) {
    const ids = Array.from({ length: Math.min(wave, containers - first) }, (_, index) => `${name}-${first + index}`)
    const pids = await Promise.all(ids.map((id) => world.run(id, counter, plainIo, world.log(id, change))))
    await meanwhile(pids)
    for (const id of ids) {
      await world.exit(id)
      await world.shim.drained(id)
      await expectWhole(world.log(id, change))
      await world.remove(id)
    }
  }
}

async function killShim(): Promise<void> {
  const killed = world.shim.pid
  process.kill(killed, "SIGKILL")
  await eventually(async () => world.shim.pid !== killed, "another shim")
}

const ways: Readonly<Record<string, Partial<LogConfig>>> = {
  framed: { format: "framed" },
  "json-file": { format: "json-file" },
  "framed with rotation": { format: "framed", maxSize: 16_384, maxFiles: 100 },
  "json-file with rotation": { format: "json-file", maxSize: 65_536, maxFiles: 100 },
}

for (const [way, change] of Object.entries(ways)) {
  const name = way.replaceAll(" ", "-")

  test(`${way}: kill -9 of the shim, again and again, neither loses nor doubles a line`, async () => {
    await runAll(`shim-${name}`, change, async (pids) => {
      while (pids.some((pid) => existsSync(`/proc/${pid}`))) {
        await Bun.sleep(random(40))
        await killShim()
      }
    })
  })

  test(`${way}: kill -9 of shim and daemon at once loses nothing of containers that end meanwhile`, async () => {
    await runAll(`both-${name}`, change, async (pids) => {
      await Bun.sleep(random(60))
      process.kill(world.shim.pid, "SIGKILL")
      await world.shim[Symbol.asyncDispose]()
      await eventually(async () => pids.every((pid) => !existsSync(`/proc/${pid}`)), "the end of all containers")
      await world.connect()
      for (const exit of (await world.shim.tasks()).flatMap((task) => task.exit ?? [])) {
        world.events.push({ type: "exit", exit })
      }
    })
  })
}
