import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { backgroundScope } from "../../src/core/scope.ts"
import { Bundle } from "../../src/core/tasks/bundle.ts"
import type { TaskRequest } from "../../src/core/tasks/contract.ts"
import { Tasks } from "../../src/core/tasks/service.ts"
import { Failure } from "../../src/errors/failure.ts"
import { BlockingCalls } from "../../src/linux/blocking.ts"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import type { RuntimeSpec } from "../../src/oci/runtime-spec.ts"
import { openDriver } from "../../src/runtime/driver.ts"
import { connectShim } from "../../src/shim/client.ts"
import type { ExitRecord, Shim, ShimEvent } from "../../src/shim/contract.ts"
import { plainIo, ShimWorld } from "../fixtures/shim-world.ts"

/** The task service over a shim that answers late, or not at all. */
let world: ShimWorld
let blocking: BlockingCalls
beforeAll(async () => {
  world = await ShimWorld.start()
  blocking = new BlockingCalls()
})
afterAll(async () => {
  blocking[Symbol.dispose]()
  await world[Symbol.asyncDispose]()
})

const scope = backgroundScope("moby", "test")
const host = detectCgroups()

/** The world's shim with other ways of doing some things. */
const changed = (changes: Partial<Shim>): Shim =>
  new Proxy(world.shim, {
    get: (shim, name) => {
      const own = Reflect.get(changes, name) ?? Reflect.get(shim, name, shim)
      return typeof own === "function" && !Reflect.has(changes, name) ? own.bind(shim) : own
    },
  })

const never = (name: string) => () => {
  throw new Error(`${name} is not called`)
}

const tasksOn = (shim: Shim): Tasks =>
  new Tasks({
    runRoot: world.runRoot,
    shim,
    snapshots: { driver: "none", mounts: never("mounts"), settle: never("settle") } as never,
    runtime: () => openDriver(world.runtime),
    cgroup: (path) => openCgroup(host, path),
    cgroupParent: "/barge-shim-test",
    events: { publish: () => {}, subscribe: never("subscribe") },
    blocking,
    startsAtOnce: 2,
  })

function request(id: string, script: string): TaskRequest {
  const spec = JSON.parse(readFileSync(join(world.bundle(id, script), "config.json"), "utf8")) as RuntimeSpec
  return {
    owner: "test",
    containerId: id,
    spec: () => spec,
    rootfs: world.root,
    ephemeral: true,
    io: plainIo,
    log: world.log(id),
  }
}

test("a task whose start was done but not answered is ended, and starts when it is asked again", async () => {
  let answers = false
  const shim = changed({
    run: async (...request) => {
      const started = await world.shim.run(...request)
      if (!answers) throw new Failure("unavailable", "the connection to the shim was lost")
      return started
    },
  })
  const tasks = tasksOn(shim)
  await expect(tasks.run(scope, request("unanswered", "exec sleep 1000"))).rejects.toThrow(
    "connection to the shim was lost",
  )
  expect((await world.shim.tasks()).map((task) => task.id)).not.toContain("unanswered")
  answers = true
  await tasks.run(scope, request("unanswered", "exit 7"))
  expect((await tasks.wait(scope, "unanswered")).code).toBe(7)
  await tasks.delete(scope, "unanswered")
})

test("input that ends with its client ends, though shim and daemon were killed together", async () => {
  const first = tasksOn(world.shim)
  const io = { terminal: false, stdin: true, stdinOnce: true }
  await first.run(scope, { ...request("fed", "cat; exit 6"), io })
  const daemon = await connectShim({ runRoot: world.runRoot })
  await using stream = await daemon.attach({ id: "fed", stdin: true, stdout: true, stderr: true, role: "client" })
  await stream.write(Buffer.from("more to come"))
  process.kill(world.shim.pid, "SIGKILL")
  await daemon[Symbol.asyncDispose]()
  await world.event((event): event is ShimEvent => event.type === "reconnected")
  const next = tasksOn(world.shim)
  await next.recover(() => scope)
  expect((await next.wait(scope, "fed")).code).toBe(6)
  await next.delete(scope, "fed")
})

test("a task that ends while the daemon takes over what runs is told to have ended", async () => {
  const first = tasksOn(world.shim)
  await first.run(scope, request("running", "while ! [ -e /dev/end ]; do sleep 0.01; done; exit 8"))
  // What is left of other tasks has to be freed, most likely of one before the running one is looked at; that ends over it.
  for (let number = 0; number < 8; number++) {
    const left = new Bundle(join(world.runRoot, "bundles", "moby", `left${number}`))
    mkdirSync(left.path, { recursive: true })
    left.create({
      namespace: "moby",
      containerId: `left${number}`,
      foreignRoot: world.root,
      ephemeral: true,
      runtime: world.runtime.name,
      cgroupPath: `/barge-shim-test/left${number}`,
      cgroupByUs: true,
    })
  }
  const ended = world.exit("running")
  const shim = changed({
    forget: async (id, execId) => {
      if (id.startsWith("left")) {
        await world.shim.kill("running", 9).catch(() => {})
        await ended
      }
      await world.shim.forget(id, execId)
    },
  })
  const told: ExitRecord[] = []
  const next = tasksOn(shim)
  next.onExit((_namespace, exit) => told.push(exit))
  await next.recover(() => scope)
  expect(told).toMatchObject([{ id: "running", code: 137 }])
  await next.delete(scope, "running")
})
