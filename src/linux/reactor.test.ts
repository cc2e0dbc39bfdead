import { afterAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { closeSync, readFileSync } from "node:fs"
import { openInputPipe, openOutputPipe } from "./anonymous-pipe.ts"
import { pipe, readNow, setNonBlocking, wouldBlock, writeNow } from "./descriptor.ts"
import { exitOfStranger, openPidfd, startTicks } from "./pidfd.ts"
import { Reactor, readiness } from "./reactor.ts"

const reactor = new Reactor()
afterAll(() => {
  reactor[Symbol.dispose]()
})

test("a pipe is told to be readable once per wish", async () => {
  const [reader, writer] = pipe()
  setNonBlocking(reader, true)
  let told = 0
  let wake = () => {}
  const watch = reactor.watch(reader, () => {
    told++
    wake()
  })
  const next = () => new Promise<void>((resolve) => (wake = resolve))
  let heard = next()
  watch.want(readiness.read)
  writeNow(writer, Buffer.from("a"))
  await heard
  expect(told).toBe(1)
  const buffer = Buffer.alloc(10)
  expect(readNow(reader, buffer)).toBe(1)
  expect(readNow(reader, buffer)).toBe(wouldBlock)
  heard = next()
  watch.want(readiness.read)
  closeSync(writer)
  await heard
  expect(told).toBe(2)
  expect(readNow(reader, buffer)).toBe(0)
  watch.close()
  closeSync(reader)
})

test("a handler that throws keeps none of the others from being told", async () => {
  const failures: unknown[] = []
  const own = new Reactor((error) => failures.push(error))
  const pipes = Array.from({ length: 20 }, () => pipe())
  const told = pipes.map(([reader], index) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const watch = own.watch(reader, () => {
      watch.close()
      resolve()
      throw new Error(`handler ${index}`)
    })
    watch.want(readiness.read)
    return promise
  })
  for (const [, writer] of pipes) writeNow(writer, Buffer.from("a"))
  await Promise.all(told)
  expect(failures.length).toBe(20)
  for (const ends of pipes) for (const end of ends) closeSync(end)
  own[Symbol.dispose]()
})

test("an output's reader sees its end when the last holder of both directions has gone, and nothing before", () => {
  const { reader, both } = openOutputPipe()
  const buffer = Buffer.alloc(10)
  expect(readNow(reader, buffer)).toBe(wouldBlock)
  writeNow(both, Buffer.from("x"))
  closeSync(both)
  expect(readNow(reader, buffer)).toBe(1)
  expect(readNow(reader, buffer)).toBe(0)
  closeSync(reader)
})

test("closing the writing end of an input pipe ends its reader's input", () => {
  const { reader, writer } = openInputPipe()
  writeNow(writer, Buffer.from("abc"))
  closeSync(writer)
  const buffer = Buffer.alloc(10)
  expect(readNow(reader, buffer)).toBe(3)
  expect(readNow(reader, buffer)).toBe(0)
  closeSync(reader)
})

test("a pidfd is readable when its process has ended", async () => {
  const child = spawn("sh", ["-c", "read x; exit 7"], { stdio: ["pipe", "ignore", "ignore"] })
  const pidfd = openPidfd(child.pid!)
  expect(startTicks(child.pid!)).toMatch(/^\d+$/)
  expect(exitOfStranger(pidfd, child.pid!)).toBeUndefined()
  const ready = reactor.ready(pidfd, readiness.read)
  child.stdin!.end("x\n")
  expect((await ready) & readiness.read).toBe(readiness.read)
  closeSync(pidfd)
})

test("Bun ignores SIGPIPE, so that writing to a pipe without readers is an error and no death", () => {
  const ignored = BigInt(`0x${/SigIgn:\s*([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]}`)
  expect(ignored & (1n << 12n)).not.toBe(0n)
  const [reader, writer] = pipe()
  closeSync(reader)
  expect(() => writeNow(writer, Buffer.of(1))).toThrow("EPIPE")
  closeSync(writer)
})
