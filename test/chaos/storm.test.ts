import { afterAll, beforeAll, expect, test } from "bun:test"
import { setTimeout as pause } from "node:timers/promises"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { type KernelState, kernelState } from "../fixtures/kernel-state.ts"
import { seeded } from "../fixtures/seed.ts"
import { type StoreState, settled, settledState, storeState } from "../fixtures/store-state.ts"
import { Life, type Status } from "../fixtures/storm-life.ts"

let daemon: TestDaemon
let store: StoreState
let kernel: KernelState
let archive: Buffer

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  archive = (await daemon.get("/images/busybox/get")).bytes
  store = await storeState(daemon)
  // One container first, so that what stays for all of them is there before the comparison.
  await daemon.docker("run", "--rm", "busybox", "true")
  expect(await settledState(daemon, store)).toEqual(store)
  await eventually(async () => {
    kernel = await kernelState(daemon)
    return kernel.cgroups.length + kernel.links.length + kernel.namespaces.length === 0
  }, "nothing is left of the first container")
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const random = seeded("storm")

interface Listed {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: Status
}

/**
 * Compares what the daemon has with what may be true.
 * @param terminalsLost daemon and shim were killed together, which both hold the terminals: who has one was hung up
 * @returns what is wrong
 */
async function deviations(lives: readonly Life[], terminalsLost = false): Promise<string[]> {
  const { body } = await daemon.json<Listed[]>("GET", "/containers/json?all=1")
  const wrong: string[] = []
  const known = new Set<string>()
  for (const { expected } of lives) {
    const found = body.find((each) => each.Id === expected.id || expected.names.has(each.Names[0]!.slice(1)))
    if (found) known.add(found.Id)
    const status = found?.State ?? "absent"
    const name = found?.Names[0]?.slice(1)
    const hungUp = terminalsLost && expected.tty && status === "exited" && expected.statuses.has("running")
    const right = (expected.statuses.has(status) || hungUp) && (!name || expected.names.has(name))
    if (!right) wrong.push(`expected ${[...expected.names]} ${[...expected.statuses]}, found ${name} ${status}`)
  }
  for (const each of body) if (!known.has(each.Id)) wrong.push(`nobody made ${each.Id} ${each.Names} ${each.State}`)
  return wrong
}

/**
 * Every container that runs can be worked with, whatever happened to it: an exec runs, its log goes on, it can be stopped. One
 * that was told to end, by a request that was cut off, may be about to.
 */
async function unusable(lives: readonly Life[], terminalsLost = false): Promise<string[]> {
  const { body } = await daemon.json<Listed[]>("GET", "/containers/json")
  const wrong: string[] = []
  await Promise.all(
    body.map(async ({ Id, State }) => {
      const { body } = await daemon.json<{ Config: { Tty: boolean } }>("GET", `/containers/${Id}/json`)
      if (terminalsLost && body.Config.Tty) return
      if (State === "paused") await daemon.request("POST", `/containers/${Id}/unpause`)
      const lines = (await daemon.docker("logs", Id)).stdout.length
      const exec = await daemon.docker("exec", Id, "echo", "alive")
      if (exec.stdout.trim() !== "alive") {
        const mayBe = lives.find(({ expected }) => expected.id === Id)?.expected.statuses
        if (mayBe?.has("exited") && (await ends(Id))) return
        wrong.push(`exec in ${Id}, which may be ${[...(mayBe ?? [])]}: ${exec.code} ${exec.stderr}`)
      }
      const goesOn = async () => (await daemon.docker("logs", Id)).stdout.length > lines
      if (!(await settled(goesOn, true))) wrong.push(`the log of ${Id} stands still at ${lines}`)
      const stopped = await daemon.request("POST", `/containers/${Id}/stop?t=10`)
      if (stopped.status !== 204) wrong.push(`stop of ${Id}: ${stopped.status} ${stopped.text}`)
    }),
  )
  return wrong
}

const ends = (id: string): Promise<boolean> =>
  settled(async () => {
    const { body } = await daemon.json<{ State: { Status: Status } }>("GET", `/containers/${id}/json`)
    return body.State.Status === "exited"
  }, true)

/** Removes everything that the storm made and waits until store and kernel are as they were. */
async function calm(): Promise<void> {
  const { body } = await daemon.json<Listed[]>("GET", "/containers/json?all=1")
  const removed = await Promise.all(body.map(({ Id }) => daemon.request("DELETE", `/containers/${Id}?force=1&v=1`)))
  expect(removed.map(({ status, text }) => `${status} ${text}`).filter((each) => each !== "204 ")).toEqual([])
  await daemon.request("POST", `/volumes/prune?filters=${encodeURIComponent('{"all":["1"]}')}`)
  const { images } = await storeState(daemon)
  for (const line of images.filter((each) => !store.images.includes(each))) {
    const [, tags = ""] = line.split(" ")
    for (const tag of tags.split(",").filter((each) => each !== "" && each !== "busybox:latest"))
      await daemon.request("DELETE", `/images/${tag}`)
  }
  await daemon.request("POST", `/images/prune?filters=${encodeURIComponent('{"dangling":["true"]}')}`)
  expect(await settledState(daemon, store)).toEqual(store)
  expect(await settled(() => kernelState(daemon), kernel)).toEqual(kernel)
}

let number = 0

/** A storm of lives, with a blow in the middle of it. @returns the lives */
async function storm(count: number, blow: () => Promise<void>): Promise<Life[]> {
  const lives = Array.from({ length: count }, () => new Life(daemon, random, `storm${number++}`))
  const loading = daemon.request("POST", "/images/load?quiet=1", archive).catch(() => undefined)
  const living = lives.map((life) => life.live())
  await pause(20 + random.below(500))
  await blow()
  await Promise.all([loading, ...living])
  return lives
}

async function shimPid(): Promise<number | undefined> {
  const { readdirSync, readFileSync } = await import("node:fs")
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const [, word, , runRoot] = readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0")
      if (word === "shim" && runRoot === `${daemon.root}/run`) return Number(name)
    } catch {
      // It ended while we looked.
    }
  }
  return undefined
}

async function killShim(): Promise<void> {
  const pid = await shimPid()
  if (pid) process.kill(pid, "SIGKILL")
}

test("kill -9 of the daemon at any moment: every container is as it was acknowledged, and nothing leaks", async () => {
  const all: Life[] = []
  for (let round = 0; round < 6; round++) {
    all.push(...(await storm(10, () => daemon.end("SIGKILL"))))
    await daemon.startAgain()
  }
  expect(await deviations(all)).toEqual([])
  expect(await unusable(all)).toEqual([])
  await calm()
})

test("kill -9 of the shim at any moment: containers run on and can be worked with, and nothing leaks", async () => {
  const all: Life[] = []
  for (let round = 0; round < 4; round++) {
    all.push(...(await storm(8, killShim)))
  }
  expect(await deviations(all)).toEqual([])
  expect(await unusable(all)).toEqual([])
  await calm()
})

test("kill -9 of daemon and shim at once: as if each had been killed, and nothing leaks", async () => {
  const all: Life[] = []
  for (let round = 0; round < 4; round++) {
    all.push(
      ...(await storm(8, async () => {
        await killShim()
        await daemon.end("SIGKILL")
      })),
    )
    await daemon.startAgain()
  }
  expect(await deviations(all, true)).toEqual([])
  expect(await unusable(all, true)).toEqual([])
  await calm()
})
