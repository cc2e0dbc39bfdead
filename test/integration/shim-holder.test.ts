import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { statFields } from "../../src/linux/pidfd.ts"
import { eventually } from "../fixtures/eventually.ts"
import { plainIo, ShimWorld } from "../fixtures/shim-world.ts"

let world: ShimWorld
beforeAll(async () => {
  world = await ShimWorld.start()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const lineCount = 20_000
const counter = `i=0; while [ $i -lt ${lineCount} ]; do i=$((i+1)); echo number $i; done; exit 7`
const expected = Array.from({ length: lineCount }, (_, index) => `number ${index + 1}\n`).join("")

/** The recorded holder, if it lives. */
function holder(): number | undefined {
  const { pid } = JSON.parse(readFileSync(join(world.runRoot, "shim/holder.json"), "utf8"))
  return ["Z", undefined].includes(statFields(pid)?.[0]) ? undefined : pid
}

function killHolder(): number {
  const pid = holder()!
  process.kill(pid, "SIGKILL")
  return pid
}

const another = async (than: number): Promise<void> =>
  await eventually(async () => ![than, undefined].includes(holder()), "another holder")

/** Ends the shim and what this process, as the daemon, keeps for it. */
async function killBoth(): Promise<void> {
  process.kill(world.shim.pid, "SIGKILL")
  await world.shim[Symbol.asyncDispose]()
}

async function connectAgain(): Promise<void> {
  await world.connect()
  for (const { exit } of await world.shim.tasks()) if (exit) world.events.push({ type: "exit", exit })
}

async function expectWhole(id: string): Promise<void> {
  expect((await world.exit(id)).code).toBe(7)
  await world.shim.drained(id)
  const log = (await world.output(id)).toString()
  // Compared as a whole first: a difference of thousands of lines would bury what went wrong.
  if (log !== expected) expect(log.length).toBe(expected.length)
  expect(log === expected).toBe(true)
  await world.remove(id)
}

const logBegins = (id: string) => eventually(async () => (await world.output(id)).length > 0, "the first output")

test("the holder is killed, then shim and daemon: no output of a container that ends meanwhile is lost", async () => {
  const pid = await world.run("holder-both", counter)
  await logBegins("holder-both")
  await another(killHolder())
  await killBoth()
  await eventually(async () => !existsSync(`/proc/${pid}`), "the container's end")
  await connectAgain()
  await expectWhole("holder-both")
})

test("the holder is killed while the shim is replaced by its next image, again and again: nothing is lost", async () => {
  await world.run("holder-upgrade", counter)
  for (let round = 0; round < 4; round++) {
    const killed = killHolder()
    await world.shim.upgrade()
    await another(killed)
  }
  await killBoth()
  await connectAgain()
  await expectWhole("holder-upgrade")
})

test("the holder and the shim are killed at once: the daemon starts a shim with another holder, and the container goes on", async () => {
  await world.run("holder-shim", "read line; echo got $line; exit 7", { ...plainIo, stdin: true })
  await using stream = await world.shim.attach({
    id: "holder-shim",
    stdin: true,
    stdout: true,
    stderr: true,
    role: "client",
  })
  const killed = killHolder()
  process.kill(world.shim.pid, "SIGKILL")
  await another(killed)
  await stream.write(Buffer.from("word\n"))
  expect((await world.exit("holder-shim")).code).toBe(7)
  await world.shim.drained("holder-shim")
  expect((await world.output("holder-shim")).toString()).toBe("got word\n")
  await world.remove("holder-shim")
})

test("holder, shim and daemon are killed at once: the container goes on, and its output comes", async () => {
  await world.run("all-three", "until [ -e /dev/go ]; do sleep 0.02; done; echo on; exit 7")
  const killed = killHolder()
  await killBoth()
  await world.connect()
  await another(killed)
  await world.exec("all-three", "go", "echo > /dev/go")
  await world.exit("all-three")
  await world.shim.drained("all-three")
  expect((await world.output("all-three")).toString()).toBe("on\n")
  await world.remove("all-three")
})
