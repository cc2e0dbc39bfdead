import { afterAll, beforeAll, expect, test } from "bun:test"
import { closeSync, readFileSync, readlinkSync, readSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { pipe } from "../../src/linux/descriptor.ts"
import { copyDescriptor } from "../../src/linux/pidfd.ts"
import { connectShim } from "../../src/shim/client.ts"
import type { AttachStream, ShimEvent } from "../../src/shim/contract.ts"
import { selfCommand } from "../../src/std/self.ts"
import { noSink, Span } from "../../src/trace/span.ts"
import { plainIo, ShimWorld } from "../fixtures/shim-world.ts"

let world: ShimWorld
beforeAll(async () => {
  world = await ShimWorld.start()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const both = { stdout: true, stderr: true } as const
/** Counts up quickly for ever; ends itself with the code that it reads. */
const counter = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); echo line $i; done; exit 7"

type Reconnected = Extract<ShimEvent, { type: "reconnected" }>
const isReconnected = (event: ShimEvent): event is Reconnected => event.type === "reconnected"

async function killShim(): Promise<void> {
  // Exits are told once, and may have been told before.
  world.events.splice(0, world.events.length, ...world.events.filter((event) => !isReconnected(event)))
  process.kill(world.shim.pid, "SIGKILL")
  expect((await world.event(isReconnected)).replaced).toBe(true)
}

async function collect(stream: AttachStream, onLine: (count: number) => void): Promise<string> {
  const all: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream.output) {
    all.push(chunk.bytes)
    length += chunk.bytes.length
    onLine(length)
  }
  return Buffer.concat(all).toString()
}

/** Whether every line from 1 to the last is there, once. */
function expectCount(text: string, missingAllowed = 0): void {
  const numbers = text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => Number(line.slice(5)))
  let missing = 0
  for (let index = 1; index < numbers.length; index++) if (numbers[index] !== numbers[index - 1]! + 1) missing++
  expect(numbers[0]).toBe(1)
  expect(numbers.at(-1)).toBe(200_000)
  expect(missing).toBeLessThanOrEqual(missingAllowed)
}

const kinds = { "a terminal": { terminal: true }, pipes: {} }

for (const [kind, own] of Object.entries(kinds)) {
  const io = { ...plainIo, ...own }
  const word = kind.replace(" ", "-")

  test(`an upgrade in the middle of output on ${kind} loses no byte, keeps clients, PID and exit code`, async () => {
    const id = `upgrade-${word}`
    await world.shim.open(id, io, world.log(id))
    await using stream = await world.shim.attach({ id, stdin: false, ...both, role: "client" })
    const pid = world.shim.pid
    const halfWay = Promise.withResolvers<void>()
    const all = collect(stream, (length) => length > 200_000 && halfWay.resolve())
    await world.run(id, counter, io)
    await halfWay.promise
    for (let round = 0; round < 3; round++) await world.shim.upgrade()
    expect(world.shim.pid).toBe(pid)
    expectCount(await all)
    expect((await world.exit(id)).code).toBe(7)
    await world.shim.drained(id)
    expectCount((await world.output(id)).toString())
    await world.remove(id)
  })

  test(`kill -9 of the shim in the middle of output on ${kind}: the container lives, its output and exit code stay known`, async () => {
    const id = `killed-${word}`
    await world.shim.open(id, io, world.log(id))
    await using stream = await world.shim.attach({ id, stdin: false, ...both, role: "client" })
    const halfWay = Promise.withResolvers<void>()
    const all = collect(stream, (length) => length > 200_000 && halfWay.resolve())
    const pid = await world.run(id, counter, io)
    await halfWay.promise
    await killShim()
    expect((await world.shim.tasks()).find((task) => task.id === id)?.pid).toBe(pid)
    expect((await world.exit(id)).code).toBe(7)
    // What the shim had read and not yet written when it was killed is lost: one piece at most, which may begin and end
    // within a line, so that the line made of the two is a gap on both its sides.
    expectCount(await all, 2)
    await world.shim.drained(id)
    expectCount((await world.output(id)).toString(), 2)
    await world.remove(id)
  })
}

test("kill -9 of the shim does not end a process's stdin, and attached clients go on", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: false }
  await world.run("talk", "cat", io)
  await using stream = await world.shim.attach({ id: "talk", stdin: true, ...both, role: "client" })
  const output = stream.output[Symbol.asyncIterator]()
  await stream.write(Buffer.from("before\n"))
  expect(Buffer.from((await output.next()).value!.bytes).toString()).toBe("before\n")
  await killShim()
  await stream.write(Buffer.from("after\n"))
  expect(Buffer.from((await output.next()).value!.bytes).toString()).toBe("after\n")
  await stream.closeStdin()
  expect((await output.next()).done).toBe(true)
  expect((await world.exit("talk")).code).toBe(0)
  await world.remove("talk")
})

test("input that a client sent before the start reaches the process, though the shim was killed over it", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: true }
  await world.shim.open("sent", io, world.log("sent"))
  await using stream = await world.shim.attach({ id: "sent", stdin: true, ...both, role: "client" })
  await stream.write(Buffer.alloc(100_000, "x"))
  await stream.closeStdin()
  await killShim()
  await world.run("sent", "wc -c", io)
  const output = stream.output[Symbol.asyncIterator]()
  expect(Buffer.from((await output.next()).value!.bytes).toString()).toBe("100000\n")
  expect((await output.next()).done).toBe(true)
  expect((await world.exit("sent")).code).toBe(0)
  await world.remove("sent")
})

test("an attached client goes on, however often the shim is killed while it looks for the next", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: false }
  await world.run("often", "cat", io)
  await using stream = await world.shim.attach({ id: "often", stdin: true, ...both, role: "client" })
  for (let round = 0; round < 12; round++) {
    await killShim()
    // The client looks for the next one about every 10 ms.
    if (round % 2 === 1) await Bun.sleep(round)
  }
  await stream.write(Buffer.from("still there\n"))
  await stream.closeStdin()
  let all = ""
  for await (const chunk of stream.output) all += Buffer.from(chunk.bytes).toString()
  expect(all).toBe("still there\n")
  await world.exit("often")
  await world.remove("often")
})

test("a terminal works after a kill -9 of the shim", async () => {
  const io = { terminal: true, stdin: true, stdinOnce: false }
  await world.run("console", "read a; echo got $a; exit 5", io)
  await killShim()
  await world.shim.resize("console", { height: 20, width: 40 })
  await using stream = await world.shim.attach({ id: "console", stdin: true, ...both, role: "client" })
  await stream.write(Buffer.from("word\n"))
  let all = ""
  for await (const chunk of stream.output) all += Buffer.from(chunk.bytes).toString()
  expect(all).toContain("got word\r\n")
  expect((await world.exit("console")).code).toBe(5)
  await world.remove("console")
})

test("a process that ends while no shim runs is known with its exit code and its last output", async () => {
  const pid = await world.run("gap", "echo last words; sleep 1000")
  const shim = world.shim.pid
  process.kill(shim, "SIGSTOP")
  process.kill(pid, "SIGKILL")
  await killShim()
  expect((await world.exit("gap")).code).toBe(137)
  await world.remove("gap")
})

test("without a daemon that kept descriptors the next shim still finds containers, and is honest about exit codes", async () => {
  await world.run("alone", "sleep 1000")
  const exec = await world.exec("alone", "early", "sleep 1000")
  const before = world.shim.pid
  await world.shim[Symbol.asyncDispose]()
  process.kill(before, "SIGKILL")
  process.kill(exec, "SIGKILL")
  await gone(exec)
  world.events.length = 0
  await world.connect()
  expect(world.shim.pid).not.toBe(before)
  const task = (await world.shim.tasks()).find((each) => each.id === "alone")!
  expect(task.exit).toBeUndefined()
  const early = task.execs[0]!.exit ?? (await world.exit("alone", "early"))
  // Known only as long as its new parent has not reaped it.
  expect([137, undefined]).toContain(early.code)
  await world.shim.kill("alone", 9)
  expect([137, undefined]).toContain((await world.exit("alone")).code)
  await world.remove("alone")
})

test("pipes are found again where init has them, unless it has something else there", async () => {
  const io = plainIo
  await world.run("talks", "while true; do echo on; sleep 0.05; done", io)
  await world.run("apart", "exec >/dev/null; while true; do echo out; echo err >&2; sleep 0.05; done", io)
  const before = world.shim.pid
  await world.shim[Symbol.asyncDispose]()
  process.kill(before, "SIGKILL")
  await world.connect()
  for (const [id, stream, text] of [
    ["talks", "stdout", "on\n"],
    ["apart", "stderr", "err\n"],
  ] as const) {
    await using attached = await world.shim.attach({ id, stdin: false, ...both, role: "client" })
    const { value } = await attached.output[Symbol.asyncIterator]().next()
    expect([value!.stream, Buffer.from(value!.bytes).toString()]).toEqual([stream, expect.stringContaining(text)])
    await world.shim.kill(id, 9)
    await world.exit(id)
    await world.remove(id)
  }
})

test("a process with named pipes cannot be checkpointed, and the refusal says what to do", async () => {
  await world.run("named", "sleep 1000")
  const span = Span.root(noSink, "test", "checkpoint")
  const order = { id: "named", directory: join(world.folder, "c"), work: join(world.folder, "w"), leaveRunning: true }
  await expect(world.shim.checkpoint(order, span)).rejects.toThrow("start it again under an experimental daemon")
  await world.shim.kill("named", 9)
  await world.exit("named")
  await world.remove("named")
})

test("descriptors that a client wants to outlive it are held, over upgrades too, until they are released", async () => {
  const [reading, writing] = pipe()
  await world.shim.hold("words", [reading])
  closeSync(reading)
  writeSync(writing, "kept")
  await world.shim.upgrade()
  const numbers = (await world.shim.held())["words"]!
  const copy = copyDescriptor(world.shim.pid, numbers[0]!)
  const text = Buffer.alloc(4)
  readSync(copy, text)
  expect(text.toString()).toBe("kept")
  closeSync(copy)
  await world.shim.release("words")
  expect(await world.shim.held()).toEqual({})
  // Nobody can read any more.
  expect(() => writeSync(writing, "lost")).toThrow("EPIPE")
  closeSync(writing)
})

test("an upgrade to something that cannot run is refused, and the shim goes on", async () => {
  const other = await import("../../src/shim/client.ts")
  await using client = await other.connectShim({ runRoot: world.runRoot, command: ["/nonexistent/barge"] })
  await expect(client.upgrade()).rejects.toThrow("/nonexistent/barge")
  const notProgram = join(world.folder, "text")
  writeFileSync(notProgram, "\0not a program", { mode: 0o755 })
  await using second = await other.connectShim({ runRoot: world.runRoot, command: [notProgram] })
  await expect(second.upgrade()).rejects.toThrow("execve")
  await world.run("still", "exit 4")
  expect((await world.exit("still")).code).toBe(4)
  await world.remove("still")
})

test("two daemons that start a shim at once share one", async () => {
  const { connectShim } = await import("../../src/shim/client.ts")
  const runRoot = join(world.folder, "other")
  const clients = await Promise.all([0, 1, 2].map(() => connectShim({ runRoot })))
  expect(new Set(clients.map((client) => client.pid)).size).toBe(1)
  for (const client of clients.slice(1)) await client[Symbol.asyncDispose]()
  await clients[0]!.shutdown()
})

test("a shim that is killed before it answers is started again", async () => {
  const runRoot = join(world.folder, "killed-early")
  const starts = join(world.folder, "starts")
  const program = join(world.folder, "killed-early.sh")
  const real = selfCommand().map((word) => `'${word}'`)
  const script = `#!/bin/sh\necho start >> ${starts}\n[ "$(wc -l < ${starts})" -ge 3 ] || kill -9 $$\nexec ${real.join(" ")} "$@"\n`
  writeFileSync(program, script, { mode: 0o755 })
  const shim = await connectShim({ runRoot, command: [program] })
  expect(await shim.tasks()).toEqual([])
  expect(readFileSync(starts, "utf8")).toBe("start\n".repeat(3))
  await shim.shutdown()
})

test("a shim that nobody connects to ends by itself", async () => {
  const runRoot = join(world.folder, "lonely")
  const shim = Bun.spawn([...selfCommand(), "shim", "--run-root", runRoot], { stdio: ["ignore", "ignore", "ignore"] })
  expect(await shim.exited).toBe(0)
})

/** Waits for the end of a process, and reaps it if it has become a child of this one: its container could not end before. */
async function gone(pid: number): Promise<void> {
  const { discardChild, openPidfd } = await import("../../src/linux/pidfd.ts")
  const { Reactor, readiness } = await import("../../src/linux/reactor.ts")
  using reactor = new Reactor()
  try {
    const pidfd = openPidfd(pid)
    await reactor.ready(pidfd, readiness.read)
    closeSync(pidfd)
  } catch {}
  discardChild(pid)
}

test("a shim in another mount namespace is replaced when nothing runs in it, and otherwise says what to do", async () => {
  await using other = new ShimWorld()
  other.runtime = world.runtime
  const namespace = (pid: number | "self") => readlinkSync(`/proc/${pid}/ns/mnt`)
  const away = ["unshare", "--mount", ...selfCommand()]
  const earlier = await connectShim({ runRoot: other.runRoot, command: away })
  other.shim = earlier
  await other.run("earlier", "read line", { ...plainIo, stdin: true })
  expect(namespace(earlier.pid)).not.toBe(namespace("self"))
  await earlier[Symbol.asyncDispose]()

  await other.connect()
  expect(other.shim.pid).toBe(earlier.pid)
  await expect(other.run("later", "true")).rejects.toThrow(
    `the shim (PID ${earlier.pid}) runs in another mount namespace`,
  )
  await other.shim.kill("earlier", 9)
  await other.exit("earlier")
  await other.remove("earlier")
  await other.run("later", "exit 4")
  expect((await other.exit("later")).code).toBe(4)
  expect(namespace(other.shim.pid)).toBe(namespace("self"))
})
