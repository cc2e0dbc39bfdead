import { afterEach, expect, test } from "bun:test"
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import type { LogPosition, OutputStream } from "../../logs/contract.ts"
import { LineSplitter } from "../../logs/line-splitter.ts"
import { type ReadLogOptions, readChunks, readLines } from "../../logs/reader.ts"
import type { LogConfig } from "../contract.ts"
import { type LogWriter, margin, openLog } from "./writer.ts"

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function config(format: LogConfig["format"] = "framed", maxSize = 0, maxFiles = 5): LogConfig {
  const folder = mkdtempSync(join(tmpdir(), "barge-logs-"))
  folders.push(folder)
  return { format, path: join(folder, "c.log"), maxSize, maxFiles }
}

let time = 1000n
const tick = () => ++time

function put(log: LogWriter, bytes: string | Uint8Array, stream: OutputStream = "stdout", at = tick()): LogPosition {
  const content = Buffer.from(bytes as string)
  log.write(stream, at, Buffer.concat([Buffer.alloc(margin), content, Buffer.alloc(margin)]), margin, content.length)
  return log.position
}

async function lines(options: ReadLogOptions, splitter?: LineSplitter): Promise<string[]> {
  const all: string[] = []
  for await (const batch of readLines(options, splitter)) for (const line of batch) all.push(line.bytes.toString())
  return all
}

async function content(options: ReadLogOptions, stream: OutputStream = "stdout"): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const batch of readChunks(options)) {
    for (const chunk of batch) if (chunk.stream === stream) all.push(chunk.bytes)
  }
  return Buffer.concat(all)
}

const noTrouble = () => {}

test("a framed log gives back every byte, both streams, in order of line ends", async () => {
  const log = config()
  const writer = openLog(log, noTrouble)
  put(writer, "one\ntw")
  put(writer, "error\n", "stderr")
  put(writer, "o\n\xff\xfe", "stdout")
  put(writer, Buffer.of(0xff, 0xfe, 10))
  expect(await lines({ log })).toEqual(["one\n", "error\n", "two\n", `${"\xff\xfe"}\ufffd\ufffd\n`])
  expect((await content({ log })).subarray(-3)).toEqual(Buffer.of(0xff, 0xfe, 10))
  writer.close(tick())
})

test("rotation keeps the newest files and loses nothing in between", async () => {
  const log = config("framed", 4096, 3)
  const writer = openLog(log, noTrouble)
  for (let number = 0; number < 1000; number++) put(writer, `line ${number}\n`)
  const found = await lines({ log })
  const first = Number(found[0]!.slice(5))
  expect(found).toEqual(Array.from({ length: 1000 - first }, (_, index) => `line ${first + index}\n`))
  expect(first).toBeGreaterThan(500)
  for (const suffix of ["", ".1", ".2"]) expect(statSync(log.path + suffix).size).toBeLessThanOrEqual(4096)
  expect(() => statSync(`${log.path}.3`)).toThrow()
  expect(writer.position.generation).toBeGreaterThan(3)
  writer.close(tick())
})

test("files of less than 4 KiB are kept as small as asked", async () => {
  for (const format of ["framed", "json-file", "cri"] as const) {
    const log = config(format, 1024, 1000)
    const writer = openLog(log, noTrouble)
    put(writer, Array.from({ length: 500 }, (_, number) => `line ${number}\n`).join(""))
    writer.close(tick())
    expect(await lines({ log })).toEqual(Array.from({ length: 500 }, (_, number) => `line ${number}\n`))
    for (const suffix of ["", ".1", ".2"]) {
      const { size } = statSync(log.path + suffix)
      expect({ format, suffix, size, small: size <= 1024 }).toEqual({ format, suffix, size, small: true })
    }
  }
})

test("a chunk larger than a file is split over files", async () => {
  const log = config("framed", 8192, 100)
  const writer = openLog(log, noTrouble)
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251))
  put(writer, bytes)
  expect(await content({ log })).toEqual(bytes)
  writer.close(tick())
})

test("reading from a position that was told, and up to one, is exact over rotations", async () => {
  for (const format of ["framed", "json-file", "cri"] as const) {
    const log = config(format, 4096, 100)
    const writer = openLog(log, noTrouble)
    const positions = Array.from({ length: 300 }, (_, number) => put(writer, `line ${number}\n`))
    const expected = Array.from({ length: 150 }, (_, index) => `line ${index + 100}\n`)
    expect(await lines({ log, from: positions[99], to: positions[249] })).toEqual(expected)
    writer.close(tick())
  }
})

test("tail gives the last lines of both streams, the unfinished one included", async () => {
  for (const format of ["framed", "json-file", "cri"] as const) {
    const log = config(format, 4096, 100)
    const writer = openLog(log, noTrouble)
    for (let number = 0; number < 500; number++) put(writer, `line ${number}\n`, number % 2 ? "stderr" : "stdout")
    put(writer, "unfinished")
    writer.flush(tick())
    expect(await lines({ log, tail: 3 })).toEqual(["line 498\n", "line 499\n", "unfinished"])
    expect(await lines({ log, tail: 1 })).toEqual(["unfinished"])
    expect(await lines({ log, tail: 0 })).toEqual([])
    expect(await lines({ log, tail: 10_000 })).toHaveLength(501)
    expect((await lines({ log, tail: 200 }))[0]).toBe("line 301\n")
    writer.close(tick())
  }
})

test("tail counts lines, not chunks", async () => {
  const log = config()
  const writer = openLog(log, noTrouble)
  put(writer, "a\nb\nc\nd")
  put(writer, "d\ne\n")
  expect(await lines({ log, tail: 2 })).toEqual(["dd\n", "e\n"])
  expect(await lines({ log, tail: 3 })).toEqual(["c\n", "dd\n", "e\n"])
  writer.close(tick())
})

test("a line of one stream that began before the tail comes whole", async () => {
  const log = config()
  const writer = openLog(log, noTrouble)
  put(writer, "old\nbeg", "stderr")
  for (const letter of "abc") put(writer, `${letter}\n`)
  put(writer, "un\n", "stderr")
  expect(await lines({ log, tail: 2 })).toEqual(["c\n", "begun\n"])
  writer.close(tick())
})

test("since and until go by the time at which a line ended", async () => {
  const log = config()
  const writer = openLog(log, noTrouble)
  put(writer, "early\nlate", "stdout", 10n)
  put(writer, " line\n", "stdout", 20n)
  put(writer, "too late\n", "stdout", 30n)
  expect(await lines({ log, since: 15n, until: 25n })).toEqual(["late line\n"])
  writer.close(30n)
})

test("a torn tail is mended when the log is opened again: what arrived of it stays", async () => {
  for (const cut of [1, 9, 20, 26]) {
    const log = config()
    const first = openLog(log, noTrouble)
    put(first, "whole\n")
    put(first, "0123456789")
    first.close(tick())
    truncateSync(log.path, statSync(log.path).size - cut)
    const arrived = "0123456789".slice(0, Math.max(0, 10 - Math.max(0, cut - 8)))
    expect(await lines({ log })).toEqual(["whole\n"])
    const second = openLog(log, noTrouble)
    put(second, "next\n")
    expect((await content({ log })).toString()).toBe(`whole\n${arrived}next\n`)
    second.close(tick())
  }
})

test("a kill between a rotation and the new file's header keeps the order of the files", async () => {
  for (const compressed of [false, true]) {
    for (const begun of [false, true]) {
      const log = config("framed", 4096, 100)
      const writer = openLog(log, noTrouble)
      const before = Array.from({ length: 300 }, (_, number) => put(writer, `line ${number}\n`)).at(-1)!
      writer.close(tick())
      for (let number = before.generation; number > 0; number--)
        renameSync(`${log.path}.${number}`, `${log.path}.${number + 1}`)
      if (compressed) {
        writeFileSync(`${log.path}.1.gz`, gzipSync(readFileSync(log.path)))
        rmSync(log.path)
      } else renameSync(log.path, `${log.path}.1`)
      if (begun) writeFileSync(log.path, "")
      const next = openLog(log, noTrouble)
      const after = put(next, "line 300\n")
      expect(after.generation).toBe(before.generation + 1)
      next.close(tick())
    }
  }
})

test("garbage after the last frame is cut off", async () => {
  const log = config()
  const first = openLog(log, noTrouble)
  put(first, "whole\n")
  first.close(tick())
  appendFileSync(log.path, Buffer.alloc(100, 0x41))
  const second = openLog(log, noTrouble)
  put(second, "next\n")
  expect(await lines({ log })).toEqual(["whole\n", "next\n"])
  second.close(tick())
})

test("a splitter carries an unfinished line from the log to what follows", async () => {
  const log = config()
  const writer = openLog(log, noTrouble)
  put(writer, "done\nhalf")
  const splitter = new LineSplitter()
  expect(await lines({ log }, splitter)).toEqual(["done\n"])
  const rest: { bytes: Buffer }[] = []
  splitter.split({ stream: "stdout", at: tick(), bytes: Buffer.from(" and half\n") }, rest as never)
  expect(rest.map((line) => line.bytes.toString())).toEqual(["half and half\n"])
  writer.close(tick())
})

test("json-file holds one object per line in Docker's form, long lines in pieces that keep characters whole", async () => {
  const log = config("json-file")
  const writer = openLog(log, noTrouble)
  const long = "ä".repeat(20_000)
  put(writer, `a "quoted" line\n${long}\n`)
  const objects = readFileSync(log.path, "utf8")
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { log: string; stream: string; time: string })
  expect(objects[0]).toEqual({ log: 'a "quoted" line\n', stream: "stdout", time: expect.any(String) })
  expect(objects.length).toBe(4)
  expect(
    objects
      .slice(1)
      .map((object) => object.log)
      .join(""),
  ).toBe(`${long}\n`)
  expect((await content({ log })).toString()).toBe(`a "quoted" line\n${long}\n`)
  writer.close(tick())
})

test("cri lines carry F and P tags", () => {
  const log = config("cri")
  const writer = openLog(log, noTrouble)
  put(writer, "whole\npart")
  writer.close(tick())
  expect(readFileSync(log.path, "utf8")).toMatch(/^\S+Z stdout F whole\n\S+Z stdout P part\n$/)
})
