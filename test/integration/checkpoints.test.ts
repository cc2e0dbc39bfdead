import { afterAll, beforeAll, expect, test } from "bun:test"
import { runProgram, TestDaemon } from "../fixtures/daemon.ts"

/** What holds of checkpoints where none can be made. What is done with them is shown in `test/vm/checkpoint.test.ts`. */
let daemon: TestDaemon
const crun = Bun.which("crun") !== null
const criuWorks = Bun.which("criu") !== null && (await runProgram("criu", ["check"])).code === 0

const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.barge(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const ask = async (method: string, path: string, body?: unknown): Promise<readonly [number, unknown]> => {
  const answer = await daemon.json<unknown>(method, path, body)
  return [answer.status, (answer.body as { message?: string } | undefined)?.message ?? answer.body]
}
const create = (container: string, CheckpointID: string, more: object = {}) =>
  ask("POST", `/containers/${container}/checkpoints`, { CheckpointID, ...more })

beforeAll(async () => {
  daemon = await TestDaemon.start(["--experimental"])
  await daemon.bootstrap()
  await out("create", "--name", "idle", "busybox", "top")
  await out("run", "-d", "--name", "busy", "busybox", "top")
  await out("run", "-d", "-t", "--name", "terminal", "busybox", "top")
  await out("run", "-d", "--name", "paused", "busybox", "top")
  await out("pause", "paused")
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("nobody knows checkpoints of an unknown container", async () => {
  const unknown = [404, "No such container: nobody"] as const
  expect(await ask("GET", "/containers/nobody/checkpoints")).toEqual(unknown)
  expect(await create("nobody", "one")).toEqual(unknown)
  expect(await ask("DELETE", "/containers/nobody/checkpoints/one")).toEqual(unknown)
  expect(await ask("POST", "/containers/nobody/start?checkpoint=one")).toEqual(unknown)
})

test("a container has none at first; what is not there is neither started from nor removed", async () => {
  expect(await ask("GET", "/containers/idle/checkpoints")).toEqual([200, []])
  const missing = [404, "checkpoint one does not exist for container idle"] as const
  expect(await ask("DELETE", "/containers/idle/checkpoints/one")).toEqual(missing)
  expect(await ask("POST", "/containers/idle/start?checkpoint=one")).toEqual(missing)
  expect(await ask("GET", `/containers/idle/checkpoints?dir=${daemon.root}/no-such`)).toEqual([
    404,
    `the checkpoint directory ${daemon.root}/no-such does not exist`,
  ])
  expect(await ask("GET", `/containers/idle/checkpoints?dir=${daemon.root}`)).toEqual([200, []])
  expect(await ask("POST", "/containers/busy/start?checkpoint=one")).toEqual([304, undefined])
})

test("only a container that runs, without a terminal, can have one made", async () => {
  const { Id } = (await daemon.json<{ Id: string }>("GET", "/containers/idle/json")).body
  expect(await create("idle", "one")).toEqual([409, `container ${Id} is not running`])
  expect(await create("terminal", "one")).toEqual([400, "checkpoint not supported on containers with tty"])
  expect(await create("paused", "one")).toEqual([409, expect.stringContaining("is paused: unpause it before")])
})

test("names and directories are checked before anything is done", async () => {
  for (const name of ["", "a", "../up", "sp ace", ".hidden"]) {
    const words = `Invalid checkpoint ID (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`
    expect(await create("busy", name)).toEqual([400, words])
  }
  expect((await ask("DELETE", "/containers/idle/checkpoints/..%2F..%2Fidle"))[0]).toBe(400)
  expect((await ask("POST", "/containers/idle/start?checkpoint=..%2Fup"))[0]).toBe(400)
  const relative = "the checkpoint directory here must be an absolute path on the daemon's host"
  expect(await create("busy", "one", { CheckpointDir: "here" })).toEqual([400, relative])
  expect(await ask("GET", "/containers/idle/checkpoints?dir=here")).toEqual([400, relative])
  expect(await ask("POST", "/containers/busy/checkpoints", { CheckpointID: 7 })).toEqual([
    400,
    "invalid JSON: json: cannot unmarshal number into Go struct field CreateOptions.CheckpointID of type string",
  ])
})

test.skipIf(!crun)(`a runtime that has none says which has${crun ? "" : " (crun is not installed)"}`, async () => {
  await out("run", "-d", "--runtime", "crun", "--name", "crun", "busybox", "top")
  expect(await create("crun", "one")).toEqual([
    501,
    "Cannot checkpoint container crun: it runs in crun, which cannot make or restore checkpoints; create it with --runtime runc",
  ])
})

test.skipIf(criuWorks)(
  `without CRIU the answer says what is missing, and the container goes on${criuWorks ? " (it works on this host)" : ""}`,
  async () => {
    await out("run", "-d", "--runtime", "runc", "--name", "runc", "busybox", "top")
    const missing = "Cannot checkpoint container runc: CRIU "
    expect(await create("runc", "one")).toEqual([501, expect.stringContaining(missing)])
    const made = await daemon.barge("checkpoint", "create", "runc", "one")
    expect([made.code, made.stderr]).toEqual([1, expect.stringContaining(missing)])
    expect(await out("inspect", "-f", "{{.State.Running}}", "runc")).toBe("true")
    expect(await ask("GET", "/containers/runc/checkpoints")).toEqual([200, []])
    const { body } = await daemon.json<{ DefaultRuntime: string; Runtimes: Record<string, unknown> }>("GET", "/info")
    expect(body.Runtimes[body.DefaultRuntime]).toMatchObject({
      status: { reason: expect.stringContaining("no checkpoints: CRIU ") },
    })
  },
)
