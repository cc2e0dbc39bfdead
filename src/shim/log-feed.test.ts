import { afterEach, expect, test } from "bun:test"
import { closeSync, mkdtempSync, rmSync, statSync, truncateSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { movePiped, pipe, setNonBlocking } from "../linux/descriptor.ts"
import { readLines } from "../logs/reader.ts"
import type { LogConfig } from "./contract.ts"
import { LogFeed } from "./log-feed.ts"
import type { LogMark } from "./logs/writer.ts"
import { type Step, Transit, transitSize } from "./transit.ts"

const moments = ["begun", "moved", "read", "half written", "written", "noted"] as const
type Moment = (typeof moments)[number]

class Killed extends Error {}

/** A transit whose shim is killed at a moment of its choice: nothing of it reaches the memory afterwards. */
class MortalTransit extends Transit {
  dies: Moment | undefined
  readonly #staging: number
  #isDead = false

  constructor(memory: Buffer, staging: { readonly reader: number; readonly writer: number }) {
    super(memory, staging)
    this.#staging = staging.writer
  }

  override begin(step: Step): void {
    super.begin(step)
    if (this.dies === "begun") this.#die()
  }

  override takePiped(descriptor: number): number {
    if (this.dies === "moved") {
      movePiped(descriptor, this.#staging, 1024 * 1024)
      this.#die()
    }
    const length = super.takePiped(descriptor)
    if (this.dies === "read") this.#die()
    return length
  }

  override advance(logged: number, mark: LogMark): void {
    if (this.dies === "half written" || this.dies === "written") this.#die()
    super.advance(logged, mark)
    if (this.dies === "noted") this.#die()
  }

  override end(): void {
    if (!this.#isDead) super.end()
  }

  #die(): never {
    this.#isDead = true
    throw new Killed()
  }
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

function nonBlockingPipe(): readonly [number, number] {
  const [reader, writer] = pipe()
  setNonBlocking(reader, true)
  cleanups.push(() => [reader, writer].forEach((end) => void closeSync(end)))
  return [reader, writer]
}

for (const format of ["framed", "json-file", "cri"] as const) {
  for (const maxSize of [0, 4096]) {
    const limit = maxSize > 0 ? ` in files of ${maxSize} bytes` : ""

    test(`${format}${limit}: a shim that is killed at any moment of a step leaves every line to the next, once`, async () => {
      for (const dies of moments) {
        const folder = mkdtempSync(join(tmpdir(), "barge-feed-"))
        cleanups.push(() => rmSync(folder, { recursive: true }))
        const config: LogConfig = { format, path: join(folder, "c.log"), maxSize, maxFiles: 1000 }
        const [reader, writer] = nonBlockingPipe()
        const [stagingReader, stagingWriter] = nonBlockingPipe()
        const memory = Buffer.alloc(transitSize)
        const staging = { reader: stagingReader, writer: stagingWriter }
        const open = () => {
          const transit = new MortalTransit(memory, staging)
          const unfinished = transit.unfinished()
          const feed = new LogFeed({ key: "a", config, trouble: () => {}, transit, folder, unfinished })
          return { transit, feed }
        }
        let number = 0
        /** Lines whose last one has not ended. */
        const say = (count: number) => {
          const from = number
          number += count
          const lines = Array.from({ length: count }, (_, index) => `line ${from + index}\nthis is `)
          writeSync(writer, lines.join(""))
        }
        for (let round = 0; round < 5; round++) {
          const { transit, feed } = open()
          say(20)
          feed.take("stdout", reader, "pipe", BigInt(++number))
          say(20)
          transit.dies = dies
          const before = statSync(config.path).size
          expect(() => feed.take("stdout", reader, "pipe", BigInt(++number))).toThrow(Killed)
          const after = statSync(config.path).size
          if (dies === "half written" && after > before)
            truncateSync(config.path, before + Math.ceil((after - before) / 2))
        }
        const { feed } = open()
        feed.take("stdout", reader, "pipe", BigInt(++number))
        feed.close(1n)
        const found: string[] = []
        for await (const batch of readLines({ log: config }))
          for (const line of batch) found.push(line.bytes.toString())
        const text = found.join("")
        const expected = [...text.matchAll(/line (\d+)\n/g)].map((match) => Number(match[1]))
        expect({ dies, lines: expected.length, unique: new Set(expected).size }).toEqual({
          dies,
          lines: 200,
          unique: 200,
        })
        expect(text.replaceAll(/line \d+\n/g, "")).toBe("this is ".repeat(200))
      }
    })
  }
}
