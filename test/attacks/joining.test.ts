import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import { type Outcome, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { Attacker, mayTrace } from "./attacker.ts"
import { processesOf } from "./processes.ts"

const folder = mkdtempSync(join(tmpdir(), "barge-joining-"))
/** The start of a container with the device `vendor.com/gate=closed` waits while this file is there. */
const gate = join(folder, "gate")
const waiting = `touch ${gate}.reached; while [ -e ${gate} ]; do sleep 0.02; done`

let daemon: TestDaemon
beforeAll(async () => {
  const hook = {
    hookName: "createRuntime",
    path: "/bin/sh",
    args: ["sh", "-c", waiting],
    env: [`PATH=${process.env["PATH"]}`],
  }
  const devices = [{ name: "closed", containerEdits: { hooks: [hook] } }]
  writeFileSync(join(folder, "gate.json"), JSON.stringify({ cdiVersion: "0.6.0", kind: "vendor.com/gate", devices }))
  daemon = await TestDaemon.start(["--cdi-spec-dir", folder])
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** Starts containers in a PID namespace until the attacker has seen some, or keeps a process that is not its program yet. */
async function joinedUnder(attacker: Attacker, name: string, ...flags: readonly string[]): Promise<void> {
  for (let start = 0; start < 10 && attacker.keeps === undefined; start++) {
    const answer = daemon.docker("run", "--rm", "--pid", `container:${name}`, ...flags, "busybox", "sleep", "0.1")
    let answered = false
    void answer.then(() => {
      answered = true
    })
    while (!answered && attacker.keeps === undefined) await Promise.race([answer, attacker.noticed])
    if (attacker.keeps === undefined) expect((await answer).code).toBe(0)
  }
}

for (const runtime of ["crun", "runc"])
  test(`a container that may trace does not see another one start in its PID namespace: ${runtime}`, async () => {
    await using attacker = await Attacker.start(daemon, "hold")
    await joinedUnder(attacker, attacker.name, "--runtime", runtime)
    expect(attacker.keeps).toBeUndefined()
    expect(attacker.seen.length).toBeGreaterThan(0)
  })

test("nor does one that has joined the PID namespace of a third itself", async () => {
  await daemon.docker("run", "-d", "--name", "third", "busybox", "sleep", "1000")
  await using attacker = await Attacker.start(daemon, "hold", { flags: [...mayTrace, "--pid", "container:third"] })
  await joinedUnder(attacker, "third")
  expect(attacker.keeps).toBeUndefined()
  expect(attacker.seen.length).toBeGreaterThan(0)
  await daemon.docker("rm", "-f", "third")
})

test("without that right a container sees nothing either, and is not frozen", async () => {
  await using attacker = await Attacker.start(daemon, "hold", { flags: [] })
  const { ended } = await startingUnder(attacker.name)
  expect(await isFrozen(attacker.name)).toBe(false)
  rmSync(gate)
  expect((await ended).code).toBe(0)
  await daemon.docker("rm", "-f", "joining")
  for (const runtime of ["crun", "runc"]) await joinedUnder(attacker, attacker.name, "--runtime", runtime)
  expect(attacker.keeps).toBeUndefined()
})

/** A container that may trace others. */
const tracing = (name: string) => daemon.docker("run", "-d", "--name", name, ...mayTrace, "busybox", "sleep", "1000")

const idOf = async (name: string) => (await daemon.docker("inspect", "-f", "{{.Id}}", name)).stdout.trim()
const cgroups = detectCgroups()
const isFrozen = async (name: string) => openCgroup(cgroups, `/${daemon.bridge}/${await idOf(name)}`).frozen()
const statusOf = async (name: string) => (await daemon.docker("inspect", "-f", "{{.State.Status}}", name)).stdout.trim()

/** Begins to start a container in another one's PID namespace, and waits until it is in the middle of that. */
async function startingUnder(name: string): Promise<{ readonly ended: Promise<Outcome> }> {
  rmSync(`${gate}.reached`, { force: true })
  writeFileSync(gate, "")
  const flags = ["--name", "joining", "--pid", `container:${name}`, "--device", "vendor.com/gate=closed"]
  const ended = daemon.docker("run", "-d", ...flags, "busybox", "sleep", "1000")
  await eventually(async () => existsSync(`${gate}.reached`), "the middle of the start")
  return { ended }
}

test("one that a user has paused stays paused, also when that is asked for during the start of the other", async () => {
  await tracing("paused")
  await daemon.docker("pause", "paused")
  const first = await startingUnder("paused")
  const resumed = daemon.docker("unpause", "paused")
  expect(await isFrozen("paused")).toBe(true)
  rmSync(gate)
  expect((await first.ended).code).toBe(0)
  expect((await resumed).code).toBe(0)
  expect([await isFrozen("paused"), await statusOf("paused")]).toEqual([false, "running"])
  await daemon.docker("rm", "-f", "joining")

  const second = await startingUnder("paused")
  expect([await isFrozen("paused"), await statusOf("paused")]).toEqual([true, "running"])
  const paused = daemon.docker("pause", "paused")
  rmSync(gate)
  expect((await second.ended).code).toBe(0)
  expect((await paused).code).toBe(0)
  expect([await isFrozen("paused"), await statusOf("paused")]).toEqual([true, "paused"])
  await daemon.docker("rm", "-f", "joining", "paused")
})

const shimPid = () => Number(/shim .* PID (\d+)$/m.exec(daemon.log.split("\n").reverse().join("\n"))![1])
const isStarting = () => processesOf("/memfd:crun", daemon.bridge)

const kills: Readonly<Record<string, () => Promise<void>>> = {
  shim: async () => void process.kill(shimPid(), "SIGKILL"),
  daemon: async () => {
    await daemon.end("SIGKILL")
    rmSync(gate)
    await daemon.startAgain()
  },
  both: async () => {
    process.kill(shimPid(), "SIGKILL")
    await daemon.end("SIGKILL")
    await daemon.startAgain()
  },
}

for (const [killed, kill] of Object.entries(kills))
  test(`after kill -9 in the middle of such a start nobody is frozen, and nothing is half started: ${killed}`, async () => {
    await tracing("tracing")
    const { ended } = await startingUnder("tracing")
    expect(await isFrozen("tracing")).toBe(true)
    await kill()
    await ended
    await eventually(async () => !(await isFrozen("tracing")), "the end of the freeze")
    await eventually(async () => !isStarting(), "the end of the runtime")
    expect(await statusOf("tracing")).toBe("running")
    const joining = await statusOf("joining")
    expect(existsSync(gate) ? ["created", "exited"] : ["running", "created", "exited"]).toContain(joining)
    rmSync(gate, { force: true })
    await daemon.docker("rm", "-f", "joining", "tracing")
  })

test("a start that never ends is ended, so that nobody stays frozen for it", async () => {
  await tracing("tracing")
  const { ended } = await startingUnder("tracing")
  expect(await isFrozen("tracing")).toBe(true)
  const { code, stderr } = await ended
  expect([code, stderr]).toEqual([125, expect.stringContaining("did not start within 20 s")])
  expect(await isFrozen("tracing")).toBe(false)
  expect(isStarting()).toBe(false)
  rmSync(gate)
  await daemon.docker("rm", "-f", "joining", "tracing")
})

test("a container cannot start in the control group of one that is frozen for it", async () => {
  await tracing("tracing")
  const parent = `/${daemon.bridge}/${await idOf("tracing")}`
  const { stderr } = await daemon.docker(
    "run",
    "--pid",
    "container:tracing",
    "--cgroup-parent",
    parent,
    "busybox",
    "true",
  )
  expect(stderr).toContain("choose another --cgroup-parent")
  await daemon.docker("rm", "-f", "tracing")
})
