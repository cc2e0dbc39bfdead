import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

/** What the daemon has acknowledged of one container; a request that was cut off leaves both outcomes open. */
interface Acknowledged {
  readonly name: string
  id?: string
  started: boolean
  removed: boolean
  /** A request was under way when the daemon died: its effect may be there or not. */
  open: boolean
}

/** A random number generator that repeats itself: a failure can be run again. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const isCut = (error: unknown): boolean =>
  /ECONN|EPIPE|ENOENT|socket hang up|closed/i.test(String((error as { code?: string }).code ?? error))

test("a daemon that is killed at random moments loses nothing it has acknowledged and leaks nothing", async () => {
  const random = generator(20261124)
  const all: Acknowledged[] = []
  const ask = (method: string, path: string, body?: unknown) =>
    daemon.request(
      method,
      path,
      body === undefined ? undefined : JSON.stringify(body),
      body === undefined ? {} : { "content-type": "application/json" },
    )

  async function life(index: number): Promise<void> {
    const container: Acknowledged = { name: `storm${index}`, started: false, removed: false, open: false }
    all.push(container)
    const attempt = async (method: string, path: string, body?: unknown) => {
      container.open = true
      const answer = await ask(method, path, body)
      container.open = false
      return answer
    }
    try {
      const created = await attempt("POST", `/containers/create?name=${container.name}`, {
        Image: "busybox",
        Cmd: ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 1; done"],
      })
      expect(created.status).toBe(201)
      container.id = JSON.parse(created.text).Id
      if (random() < 0.2) return
      expect((await attempt("POST", `/containers/${container.id}/start`)).status).toBe(204)
      container.started = true
      if (random() < 0.4) {
        const exec = await ask("POST", `/containers/${container.id}/exec`, { Cmd: ["true"] })
        if (exec.status === 201) await ask("POST", `/exec/${JSON.parse(exec.text).Id}/start`, { Detach: true })
      }
      if (random() < 0.3) {
        expect((await attempt("POST", `/containers/${container.id}/stop?t=5`)).status).toBe(204)
        container.started = false
      }
      if (random() < 0.5) {
        expect((await attempt("DELETE", `/containers/${container.id}?force=1`)).status).toBe(204)
        container.removed = true
      }
    } catch (error) {
      if (!isCut(error)) throw error
    }
  }

  let index = 0
  for (let round = 0; round < 8; round++) {
    const lives = Array.from({ length: 10 }, () => life(index++))
    await pause(20 + random() * 400)
    await daemon.end("SIGKILL")
    await Promise.all(lives)
    await daemon.startAgain()
  }

  const { body } = await daemon.json<{ Id: string; Names: string[]; State: string }[]>("GET", "/containers/json?all=1")
  const listed = new Map(body.map((entry) => [entry.Names[0]!.slice(1), entry]))
  for (const container of all) {
    const found = listed.get(container.name)
    if (container.open) continue
    if (!container.id || container.removed)
      expect({ name: container.name, found }).toEqual({ name: container.name, found: undefined })
    else {
      expect({ name: container.name, id: found?.Id }).toEqual({ name: container.name, id: container.id })
      expect({ name: container.name, running: found?.State === "running" }).toEqual({
        name: container.name,
        running: container.started,
      })
    }
  }

  for (const entry of body) expect((await daemon.request("DELETE", `/containers/${entry.Id}?force=1`)).status).toBe(204)
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect((await daemon.json<unknown[]>("GET", "/containers/json?all=1")).body).toEqual([])
  const containers = () => readdirSync(`${daemon.root}/data/containers`)
  // On a busy machine the daemon may have been killed before each of the starts.
  const bundles = () => {
    const folder = `${daemon.root}/run/bundles/moby`
    return existsSync(folder) ? readdirSync(folder) : []
  }
  while (containers().length + bundles().length > 0) await pause(20)
})

test("containers outlive the shim: killed with -9, its successor goes on with their output", async () => {
  await daemon.docker(
    "run",
    "-d",
    "--name",
    "talker",
    "busybox",
    "sh",
    "-c",
    "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done",
  )
  const pid = Number((await daemon.docker("inspect", "-f", "{{.State.Pid}}", "talker")).stdout)
  const shim = await shimPid()
  process.kill(shim, "SIGKILL")
  while ((await shimPid().catch(() => shim)) === shim) await pause(20)
  process.kill(pid, 0)
  const lines = async () => (await daemon.docker("logs", "talker")).stdout.trim().split("\n").map(Number)
  const before = (await lines()).length
  while ((await lines()).length < before + 10) await pause(50)
  const seen = await lines()
  expect(seen.at(0)).toBe(1)
  await daemon.docker("rm", "-f", "talker")
})

async function shimPid(): Promise<number> {
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const text = (await Bun.file(`/proc/${name}/cmdline`).text()).replaceAll("\0", " ")
      if (text.includes(`${daemon.root}/run`) && / shim /.test(text)) return Number(name)
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error("no shim runs")
}

test("a restart of the daemon leaves running containers, their logs, exit codes and restart policies as they are", async () => {
  await daemon.docker("run", "-d", "--name", "stays", "busybox", "sh", "-c", "echo begin; sleep 1000")
  await daemon.docker("run", "-d", "--name", "ends", "busybox", "sh", "-c", "sleep 0.3; exit 9")
  await daemon.docker(
    "run",
    "-d",
    "--name",
    "again",
    "--restart",
    "always",
    "busybox",
    "sh",
    "-c",
    "echo run; sleep 0.3; exit 1",
  )
  const pid = (await daemon.docker("inspect", "-f", "{{.State.Pid}}", "stays")).stdout
  await daemon.end("SIGTERM")
  await pause(600) // the two end while no daemon is there to see it
  await daemon.startAgain()
  expect((await daemon.docker("inspect", "-f", "{{.State.Pid}}", "stays")).stdout).toBe(pid)
  expect((await daemon.docker("logs", "stays")).stdout).toBe("begin\n")
  expect((await daemon.docker("wait", "ends")).stdout).toBe("9\n")
  while ((await daemon.docker("logs", "again")).stdout.split("\n").length < 4) await pause(50)
  expect((await daemon.docker("exec", "stays", "echo", "here")).stdout).toBe("here\n")
  await daemon.docker("rm", "-f", "stays", "ends", "again")
})
