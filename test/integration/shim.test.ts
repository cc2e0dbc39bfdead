import { afterAll, beforeAll, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import type { AttachStream, ShimEvent } from "../../src/shim/contract.ts"
import { Span, type SpanRecord } from "../../src/trace/span.ts"
import { eventually } from "../fixtures/eventually.ts"
import { plainIo, ShimWorld } from "../fixtures/shim-world.ts"

let world: ShimWorld
beforeAll(async () => {
  world = await ShimWorld.start()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  expect(existsSync(world.folder)).toBe(false)
})

const both = { stdout: true, stderr: true } as const

async function text(stream: AttachStream): Promise<string> {
  let all = ""
  for await (const chunk of stream.output) all += Buffer.from(chunk.bytes).toString()
  return all
}

/** Reads until `pattern` matches what came so far. */
async function until(output: AsyncIterator<{ bytes: Uint8Array }>, pattern: RegExp): Promise<string> {
  let all = ""
  for (;;) {
    if (pattern.test(all)) return all
    const next = await output.next()
    if (next.done) throw new Error(`no ${pattern} in ${JSON.stringify(all)}`)
    all += Buffer.from(next.value.bytes).toString()
  }
}

test("a task's output is in its log and its exit code is told and kept until it is forgotten", async () => {
  await world.run("plain", "echo out; echo err >&2; exit 3")
  const exit = await world.exit("plain")
  expect(exit).toMatchObject({ id: "plain", code: 3, oomKilled: false })
  await world.shim.drained("plain")
  expect((await world.output("plain")).toString()).toBe("out\n")
  expect((await world.output("plain", "stderr")).toString()).toBe("err\n")
  expect((await world.shim.tasks()).find((task) => task.id === "plain")?.exit).toEqual(exit)
  await world.remove("plain")
  expect((await world.shim.tasks()).find((task) => task.id === "plain")).toBeUndefined()
})

test("what runtimes leave behind is reaped, and no exit code is lost over it", async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `swept${index}`)
  await Promise.all(ids.map((id, code) => world.run(id, `exit ${code}`)))
  const exits = await Promise.all(ids.map((id) => world.exit(id)))
  expect(exits.map((exit) => exit.code)).toEqual(ids.map((_, code) => code))
  while (world.zombies().length > 0) await Bun.sleep(10)
  for (const id of ids) await world.remove(id)
})

test("a client that attaches before the start misses nothing and sees the end", async () => {
  await world.shim.open("early", plainIo, world.log("early"))
  await using stream = await world.shim.attach({ id: "early", stdin: false, ...both, role: "client" })
  const all = text(stream)
  await world.run("early", "echo first; echo second >&2; echo third")
  expect((await all).split("\n").sort()).toEqual(["", "first", "second", "third"])
  await world.exit("early")
  await world.remove("early")
})

test("a start that fails ends the streams of those attached and leaves nothing", async () => {
  await world.shim.open("broken", plainIo, world.log("broken"))
  await using stream = await world.shim.attach({ id: "broken", stdin: false, ...both, role: "client" })
  const all = text(stream)
  const bundle = world.bundle("broken", "true")
  await Bun.write(`${bundle}/config.json`, "{}")
  const request = {
    id: "broken",
    bundle,
    runtime: world.runtime,
    stateRoot: world.stateRoot,
    io: plainIo,
    log: world.log("broken"),
    cgroup: { kind: "runtime" as const },
  }
  await expect(
    world.shim.run(
      request,
      Span.root(() => {}, "core", "test"),
    ),
  ).rejects.toThrow()
  expect(await all).toBe("")
  expect((await world.shim.tasks()).map((task) => task.id)).not.toContain("broken")
})

test("100 MB of random bytes reach the log and an attached client unchanged", async () => {
  await world.shim.open("random", plainIo, world.log("random"))
  await using stream = await world.shim.attach({ id: "random", stdin: false, ...both, role: "client" })
  const hash = createHash("sha256")
  let length = 0
  let sum = ""
  const reading = (async () => {
    for await (const chunk of stream.output) {
      if (chunk.stream === "stderr") sum += Buffer.from(chunk.bytes).toString()
      else {
        hash.update(chunk.bytes)
        length += chunk.bytes.length
      }
    }
  })()
  await world.run(
    "random",
    "dd if=/dev/urandom of=/dev/random.bin bs=1M count=100 2>/dev/null; sha256sum /dev/random.bin >&2; cat /dev/random.bin",
  )
  await reading
  const digest = hash.digest("hex")
  expect(length).toBe(100 * 1024 * 1024)
  expect(sum).toStartWith(digest)
  await world.shim.drained("random")
  expect(
    createHash("sha256")
      .update(await world.output("random"))
      .digest("hex"),
  ).toBe(digest)
  await world.exit("random")
  await world.remove("random")
})

test("input goes in, and half-closing it ends the process's input while its output still comes", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: true }
  await world.shim.open("input", io, world.log("input"))
  await using stream = await world.shim.attach({ id: "input", stdin: true, ...both, role: "client" })
  await world.run("input", "wc -c; echo done", io)
  await stream.write(Buffer.alloc(3_000_000, "x"))
  await stream.closeStdin()
  expect(await text(stream)).toBe("3000000\ndone\n")
  expect((await world.exit("input")).code).toBe(0)
  await world.remove("input")
})

test("input that was complete before the start, and more than a pipe holds, ends for a process that reads late", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: true }
  await world.shim.open("complete", io, world.log("complete"))
  await using stream = await world.shim.attach({ id: "complete", stdin: true, ...both, role: "client" })
  // More than the FIFO takes, and less than waits in a socket that is not read: the shim takes no more before the start.
  await stream.write(Buffer.alloc(100_000, "x"))
  await stream.closeStdin()
  await world.shim.tasks()
  await world.run("complete", "sleep 0.3; wc -c", io)
  expect(await text(stream)).toBe("100000\n")
  expect((await world.exit("complete")).code).toBe(0)
  await world.remove("complete")
})

test("stdinOnce closes stdin when its client goes away", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: true }
  await world.run("once", "cat", io)
  const stream = await world.shim.attach({ id: "once", stdin: true, ...both, role: "client" })
  await stream.write(Buffer.from("last words\n"))
  await stream[Symbol.asyncDispose]()
  expect((await world.exit("once")).code).toBe(0)
  await world.shim.drained("once")
  expect((await world.output("once")).toString()).toBe("last words\n")
  await world.remove("once")
})

test("a terminal echoes, knows its size, and follows a resize", async () => {
  const io = { terminal: true, stdin: true, stdinOnce: false, consoleSize: { height: 43, width: 132 } }
  await world.run("terminal", "sh", io)
  await using stream = await world.shim.attach({ id: "terminal", stdin: true, ...both, role: "client" })
  const output = stream.output[Symbol.asyncIterator]()
  await stream.write(Buffer.from("stty size\n"))
  expect(await until(output, /\d+ \d+\r\n/)).toMatch(/stty size\r\n.*43 132\r\n/s)
  await world.shim.resize("terminal", { height: 30, width: 100 })
  await stream.write(Buffer.from("stty size\n"))
  await until(output, /30 100\r\n/)
  await stream.write(Buffer.from("exit 42\n"))
  while (!(await output.next()).done);
  expect((await world.exit("terminal")).code).toBe(42)
  await world.remove("terminal")
})

test("two attached clients get the same, and each its own position", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: false }
  await world.run("pair", "echo before; cat", io)
  await using first = await world.shim.attach({ id: "pair", stdin: true, ...both, role: "client" })
  await using second = await world.shim.attach({ id: "pair", stdin: true, ...both, role: "follower" })
  await first.write(Buffer.from("from the first\n"))
  const output = second.output[Symbol.asyncIterator]()
  await until(output, /from the first\n/)
  await second.write(Buffer.from("from the second\n"))
  await second.closeStdin()
  expect(await text(first)).toContain("from the first\nfrom the second\n")
  await world.exit("pair")
  await world.remove("pair")
})

test("execs have their own exit codes and output, many at once", async () => {
  await world.run("host", "sleep 1000")
  const codes = await Promise.all(
    Array.from({ length: 8 }, async (_, number) => {
      const execId = `e${number}`
      await world.shim.open("host", plainIo, { format: "none", path: "", maxSize: 0, maxFiles: 0 }, execId)
      await using stream = await world.shim.attach({ id: "host", execId, stdin: false, ...both, role: "client" })
      await world.exec("host", execId, `echo exec ${number}; exit ${number}`)
      expect(await text(stream)).toBe(`exec ${number}\n`)
      const { code } = await world.exit("host", execId)
      await world.shim.forget("host", execId)
      return code
    }),
  )
  expect(codes).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  await world.shim.kill("host", 9)
  expect((await world.exit("host")).code).toBe(137)
  await expect(world.shim.kill("host", 9)).rejects.toThrow("is not running")
  await world.remove("host")
})

test("a client that reads late gets all that was written, though the process has ended and is forgotten by then", async () => {
  const io = { terminal: false, stdin: true, stdinOnce: true }
  await world.run("late", "sleep 1000")
  await world.shim.open("late", io, { format: "none", path: "", maxSize: 0, maxFiles: 0 }, "e")
  await using stream = await world.shim.attach({ id: "late", execId: "e", stdin: true, ...both, role: "client" })
  await world.exec("late", "e", "head -c 1700000 /dev/zero", io)
  await world.exit("late", "e")
  await world.shim.forget("late", "e")
  // What it still sends, to a process that takes nothing any more, is of no consequence.
  await stream.write(Buffer.from("more"))
  await stream.closeStdin()
  await world.shim.tasks()
  expect((await text(stream)).length).toBe(1_700_000)
  await world.shim.kill("late", 9)
  await world.exit("late")
  await world.remove("late")
})

test("the spans of shim and runtime come back with the answer, the first output after it", async () => {
  const spans: SpanRecord[] = []
  const first = Promise.withResolvers<void>()
  const span = Span.root(
    (record) => {
      spans.push(record)
      if (record.name === "first output") first.resolve()
    },
    "core",
    "run",
  )
  await world.run("traced", "echo hello", plainIo, world.log("traced"), span)
  await first.promise
  expect(new Set(spans.map((each) => each.layer))).toEqual(new Set(["shim", "runtime"]))
  expect(spans.every((each) => each.traceId === span.traceId)).toBe(true)
  await world.exit("traced")
  await world.remove("traced")
})

test("100 short tasks at once have the right exit codes and outputs", async () => {
  const before = world.shimDescriptors()
  let free = 4
  const line: (() => void)[] = []
  await Promise.all(
    Array.from({ length: 100 }, async (_, number) => {
      if (free === 0) await new Promise<void>((resolve) => line.push(resolve))
      else free--
      const id = `short${number}`
      await world.run(id, `echo ${number}; exit ${number}`)
      const next = line.shift()
      if (next) next()
      else free++
      expect((await world.exit(id)).code).toBe(number)
      await world.shim.drained(id)
      expect((await world.output(id)).toString()).toBe(`${number}\n`)
      await world.remove(id)
    }),
  )
  await eventually(async () => world.shimDescriptors() <= before, `the shim has ${before} descriptors again`)
})

test("a second client of the same run root finds the same shim", async () => {
  const first = world.shim
  const events: ShimEvent[] = world.events
  await world.connect()
  expect(world.shim.pid).toBe(first.pid)
  await first[Symbol.asyncDispose]()
  expect(events).toBe(world.events)
})
