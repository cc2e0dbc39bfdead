import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { ExecutionRequest } from "../../src/core/executor/contract.ts"
import { Failure } from "../../src/errors/failure.ts"
import { CoreWorld, newWorld, removeWorld } from "../fixtures/core-world.ts"
import { eventually } from "../fixtures/eventually.ts"
import { failure } from "../fixtures/failure.ts"
import { moments } from "../fixtures/killed-executor.ts"

describe("the executor", () => {
  const folder = newWorld()
  let world: CoreWorld
  beforeAll(async () => {
    world = await CoreWorld.open(folder)
  })
  afterEach(async () => {
    expect(await world.held()).toEqual([])
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    removeWorld(folder)
  })

  test("runs a program in an image's snapshot, and tells its output and exit code", async () => {
    const end = await world.run("echo out; echo err >&2; hostname; exit 7")
    expect(end).toMatchObject({ code: 7, stdout: "out\nalone\n", stderr: "err\n", oomKilled: false })
    expect(end.endedAt).toBeGreaterThanOrEqual(end.startedAt)
  })

  test("throws away what was written on a committed snapshot", async () => {
    expect((await world.run("echo changed > /etc/passwd")).code).toBe(0)
    expect((await world.run("grep -c changed /etc/passwd")).stdout).toBe("0\n")
  })

  test("keeps what was written in the caller's snapshot, which can be committed at once", async () => {
    const { core, scope, image } = world
    await core.leases.within(scope, async (held) => {
      await core.snapshots.prepare(held, "step", image)
      const inStep: Partial<ExecutionRequest> = { root: { snapshot: "step" } }
      await world.run("echo 1 > /made", inStep, held)
      expect((await world.run("echo 2 >> /made; cat /made", inStep, held)).stdout).toBe("1\n2\n")
      await core.snapshots.commit(held, "layer", "step")
      expect((await world.run("cat /made", { root: { parent: "layer" } }, held)).stdout).toBe("1\n2\n")
      await core.snapshots.remove(held, "layer")
    })
  })

  test("gives a program its input, and the end of it", async () => {
    async function* input() {
      yield Buffer.from("one\n")
      yield Buffer.from("two\n")
    }
    expect((await world.run("cat; echo over", { stdin: input() })).stdout).toBe("one\ntwo\nover\n")
  })

  test("does not wait for input that a program has not read", async () => {
    let returned = false
    const stdin = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          returned = true
          return { done: true as const, value: undefined }
        },
      }),
    }
    expect((await world.run("exit 3", { stdin })).code).toBe(3)
    expect(returned).toBe(true)
  })

  test("fails in the runtime's words when there is no such program", async () => {
    const spec = world.spec("", { process: { args: ["nosuch"], env: ["PATH=/bin"], cwd: "/", terminal: false } })
    const { message } = await failure(world.run("", { spec }))
    expect(message).toContain("executable file not found in $PATH")
  })

  test("fails with what making the specification threw", async () => {
    const refused = world.run("", { spec: () => Promise.reject(new Failure("invalidArgument", "no such user")) })
    expect(await failure(refused)).toMatchObject({ kind: "invalidArgument", message: "no such user" })
  })

  test("ends every process when it is cancelled", async () => {
    const cancel = new AbortController()
    const running = world.run(
      "sleep 1000 & (trap '' TERM; sleep 1000) & echo up; wait",
      { output: () => cancel.abort(new Error("the client has gone")) },
      { ...world.scope, signal: cancel.signal },
    )
    expect(await failure(running)).toMatchObject({
      kind: "cancelled",
      message: expect.stringContaining("the client has gone"),
    })
  })

  test("ends a program that is cancelled while it is being started, and starts none that is cancelled before", async () => {
    const cancel = new AbortController()
    const scope = { ...world.scope, signal: cancel.signal }
    const spec = world.spec("exec sleep 1000")
    const abortFirst = (root: string) => {
      cancel.abort()
      return spec(root)
    }
    const starting = world.run("", { spec: abortFirst }, scope)
    expect((await failure(starting)).kind).toBe("cancelled")
    expect((await failure(world.run("exec sleep 1000", {}, scope))).kind).toBe("cancelled")
  })

  test("ends a program whose output cannot be dealt with", async () => {
    const output = () => Promise.reject(new Failure("noSpace", "nowhere to put it"))
    expect((await failure(world.run("yes", { output }))).message).toBe("nowhere to put it")
  })

  test("ends what a program has left running in the host's PID namespace, which held its output open", async () => {
    const namespaces = { network: "new", uts: "new", pid: "host", ipc: "new", cgroup: "host" } as const
    const end = await world.run("", { spec: world.spec("sleep 1000 & echo left", { namespaces }) })
    expect(end).toMatchObject({ code: 0, stdout: "left\n" })
  })

  test("refuses a name that is in use, and leaves the program of that name alone", async () => {
    const second = Promise.withResolvers<Failure>()
    const first = await world.run("sleep 0.2; exit 4", {
      id: "same",
      started: () => second.resolve(failure(world.run("true", { id: "same" }))),
    })
    expect(first.code).toBe(4)
    expect((await second.promise).kind).toBe("alreadyExists")
  })

  test("goes on with the next shim when the shim is killed, and misses no output that is logged", async () => {
    const started = () => void process.kill(world.core.shim.pid, "SIGKILL")
    const log = { format: "framed", path: join(folder, "log"), maxSize: 0, maxFiles: 1 } as const
    const end = await world.run("echo before; sleep 0.5; echo after; exit 4", { started, log })
    expect(end).toMatchObject({ code: 4, stdout: "before\nafter\n" })
  })

  test("runs programs side by side", async () => {
    const ends = await Promise.all([1, 2, 3, 4, 5].map((code) => world.run(`exit ${code}`)))
    expect(ends.map(({ code }) => code)).toEqual([1, 2, 3, 4, 5])
  })
})

test("an orderly end of the daemon ends what the executor runs, and no program is started any more", async () => {
  const folder = newWorld()
  {
    await using world = await CoreWorld.open(folder)
    const stop = () => world.core.executor[Symbol.asyncDispose]()
    const running = failure(world.run("exec sleep 1000", { started: () => void stop() }))
    expect(await running).toMatchObject({ kind: "unavailable", message: expect.stringContaining("the daemon ends") })
    expect((await failure(world.run("true"))).kind).toBe("unavailable")
    expect(await world.held()).toEqual([])
  }
  removeWorld(folder)
})

describe("a daemon that is killed in the middle of an execution: its next start frees everything", () => {
  for (const moment of moments) {
    test(`killed ${moment}`, async () => {
      const folder = newWorld()
      const program = resolve(import.meta.dir, "../fixtures/killed-executor.ts")
      const child = spawn(process.execPath, [program, folder, moment], { stdio: "inherit" })
      expect(await once(child, "exit")).toEqual([null, "SIGKILL"])
      {
        await using world = await CoreWorld.open(folder)
        await world.core.collector.collect()
        await eventually(async () => (await world.held()).length === 0, `free ${await world.held()}`)
        expect(processesBelow(folder)).toEqual([])
        expect((await world.run("exit 5", { id: "killed" })).code).toBe(5)
      }
      removeWorld(folder)
    })
  }
})

/** Processes whose root or command line lies in a folder, the shim and its holder apart. */
function processesBelow(folder: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cgroup`, "latin1")
      return /^\d+$/.test(pid) && line.includes(`/${folder.split("/").at(-1)}/`)
    } catch {
      return false
    }
  })
}
