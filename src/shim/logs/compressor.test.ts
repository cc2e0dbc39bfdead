import { afterEach, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { gunzipSync } from "node:zlib"
import { type ReadLogOptions, readLines } from "../../logs/reader.ts"
import type { LogConfig } from "../contract.ts"
import { type LogWriter, margin, openLog } from "./writer.ts"

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function config(format: "framed" | "json-file", maxFiles = 100): LogConfig {
  const folder = mkdtempSync(join(tmpdir(), "barge-logs-"))
  folders.push(folder)
  return { format, path: join(folder, "c.log"), maxSize: 4096, maxFiles, compress: true }
}

let time = 1000n

function put(log: LogWriter, number: number) {
  const content = Buffer.from(`line ${number}\n`)
  log.write(
    "stdout",
    ++time,
    Buffer.concat([Buffer.alloc(margin), content, Buffer.alloc(margin)]),
    margin,
    content.length,
  )
  return log.position
}

async function lines(options: ReadLogOptions): Promise<string[]> {
  const all: string[] = []
  for await (const batch of readLines(options)) for (const line of batch) all.push(line.bytes.toString())
  return all
}

const sequence = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`)
const rotated = ({ path }: LogConfig) =>
  readdirSync(join(path, "..")).filter((name) => /^c\.log\.\d+(\.gz)?$/.test(name))

/** Waits until every rotated file is compressed. */
async function settled(log: LogConfig): Promise<void> {
  while (rotated(log).some((name) => !name.endsWith(".gz")) || existsSync(`${log.path}.compressing`)) await pause(2)
}

for (const format of ["framed", "json-file"] as const) {
  test(`rotated files of a ${format} log are compressed and read as before`, async () => {
    const log = config(format)
    const writer = openLog(log, () => {})
    const positions = Array.from({ length: 1000 }, (_, number) => put(writer, number))
    await settled(log)
    expect(rotated(log).length).toBeGreaterThan(4)
    expect(gunzipSync(readFileSync(`${log.path}.1.gz`)).length).toBeGreaterThan(3900)
    expect(await lines({ log })).toEqual(sequence(0, 1000))
    expect(await lines({ log, tail: 3 })).toEqual(sequence(997, 1000))
    expect(await lines({ log, tail: 600 })).toEqual(sequence(400, 1000))
    expect(await lines({ log, from: positions[99]!, to: positions[249]! })).toEqual(sequence(100, 250))
    expect(readdirSync(join(log.path, "..")).filter((name) => name.endsWith(".reading"))).toEqual([])
    writer.close(++time)
  })

  test(`a ${format} log that rotates while it is compressed and read loses nothing in between`, async () => {
    const log = config(format, 6)
    const writer = openLog(log, () => {})
    let written = 0
    for (let turn = 0; turn < 40; turn++) {
      for (let count = 0; count < 70; count++) put(writer, written++)
      const found = await lines({ log })
      const first = Number(found[0]!.slice(5))
      expect(found).toEqual(sequence(first, written))
    }
    await settled(log)
    expect(rotated(log).sort()).toEqual([1, 2, 3, 4, 5].map((number) => `c.log.${number}.gz`))
    const found = await lines({ log })
    expect(found).toEqual(sequence(written - found.length, written))
    expect(found.length).toBeGreaterThan(200)
    writer.close(++time)
  })
}

test("what was not compressed when a log was closed is compressed when it is opened again", async () => {
  const log = config("json-file")
  const first = openLog(log, () => {})
  for (let number = 0; number < 500; number++) put(first, number)
  first.close(++time)
  expect(existsSync(`${log.path}.compressing`)).toBe(false)
  expect(rotated(log).some((name) => !name.endsWith(".gz"))).toBe(true)
  writeFileSync(`${log.path}.compressing`, "cut off")
  const second = openLog(log, () => {})
  put(second, 500)
  await settled(log)
  expect(await lines({ log })).toEqual(sequence(0, 501))
  second.close(++time)
})
