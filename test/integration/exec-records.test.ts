import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

let daemon: TestDaemon
let container: string
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  container = (await daemon.docker("run", "-d", "--name", "long", "busybox", "top")).stdout.trim()
})
afterAll(() => daemon[Symbol.asyncDispose]())

interface Told {
  readonly Running: boolean
  readonly ExitCode: number | null
  readonly Pid: number
}

/** Starts an exec that ends with 7 once `go` names a file that is there. @returns its ID */
async function startExec(go: string): Promise<string> {
  const Cmd = ["sh", "-c", `while [ ! -e /tmp/${go} ]; do sleep 0.02; done; exit 7`]
  const { body } = await daemon.json<{ Id: string }>("POST", "/containers/long/exec", { Cmd })
  await daemon.json("POST", `/exec/${body.Id}/start`, { Detach: true })
  return body.Id
}

const go = (name: string) => daemon.docker("exec", "long", "touch", `/tmp/${name}`)
const asked = async (id: string) => (await daemon.json<Told>("GET", `/exec/${id}/json`)).body
const hasEnded = (id: string) => eventually(async () => !(await asked(id)).Running, "the end of the exec")
const shimPid = () => Number([...daemon.log.matchAll(/ shim .* PID (\d+)$/gm)].at(-1)![1])
const filesOfExecs = () => {
  const folder = join(daemon.root, "run/shim/tasks", container, "execs")
  return existsSync(folder) ? readdirSync(folder) : []
}

/** The kernel remembers how a process ended that is nobody's child any more (PIDFD_INFO_EXIT, since Linux 6.15). */
const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "latin1").split(".").map(Number)
const remembers = major > 6 || (major === 6 && minor >= 15)

test("a kill of the shim ends no exec, and its exit code is known as far as the kernel remembers it", async () => {
  const over = await startExec("first")
  await go("first")
  await hasEnded(over)
  const running = await startExec("second")
  const before = await asked(running)
  expect(before).toMatchObject({ Running: true, ExitCode: null })

  const killed = shimPid()
  process.kill(killed, "SIGKILL")
  await eventually(async () => shimPid() !== killed, "another shim")
  expect(await asked(over)).toMatchObject({ Running: false, ExitCode: 7 })
  expect(await asked(running)).toEqual(before)
  expect(existsSync(`/proc/${before.Pid}`)).toBe(true)
  await go("second")
  await hasEnded(running)
  expect((await asked(running)).ExitCode).toBe(remembers ? 7 : 255)
  await eventually(async () => filesOfExecs().length === 0, "the shim to forget its execs")
})

test("a daemon that comes back knows no exec, as Docker's: its process goes on, and leaves nothing", async () => {
  const id = await startExec("third")
  const { Pid } = await asked(id)
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect(await daemon.json("GET", `/exec/${id}/json`)).toMatchObject({
    status: 404,
    body: { message: `No such exec instance: ${id}` },
  })
  expect(existsSync(`/proc/${Pid}`)).toBe(true)
  expect(filesOfExecs()).toContain(id)
  await go("third")
  await eventually(async () => !existsSync(`/proc/${Pid}`), "the end of its process")
  await eventually(async () => filesOfExecs().length === 0, "the shim to forget its execs")
})
