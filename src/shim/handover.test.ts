import { expect, test } from "bun:test"
import { closeSync, mkdtempSync, readdirSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pipe } from "../linux/descriptor.ts"
import { readHandover, sendHandover, sweepHandovers } from "./handover.ts"
import type { KeptDescriptors } from "./process.ts"

async function withFolder(use: (folder: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "barge-handover-"))
  try {
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const openHere = () => readdirSync("/proc/self/fd").length

test("descriptors of hundreds of processes come with their names, and none stays open twice", () =>
  withFolder((folder) => {
    const before = openHere()
    const kept = new Map<string, KeptDescriptors>()
    for (let at = 0; at < 300; at++) {
      const [stdout, writer] = pipe()
      writeSync(writer, `output ${at}`)
      const [stderr, other] = pipe()
      kept.set(`process${at}`, at % 2 === 0 ? { stdout, stderr } : { stderr, stdout })
      closeSync(writer)
      closeSync(other)
    }
    const { path, carrier } = sendHandover(folder, kept, 3)
    for (const { stdout, stderr } of kept.values()) for (const each of [stdout!, stderr!]) closeSync(each)
    // In the new process the socket has the number that was asked for; here it has its own.
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), carrier }))
    const { processes } = readHandover(path)
    expect(Object.keys(processes)).toEqual([...kept.keys()])
    for (const [key, { descriptors }] of Object.entries(processes)) {
      const buffer = Buffer.alloc(100)
      const text = buffer.toString("utf8", 0, readSync(descriptors.stdout!, buffer))
      expect(text).toBe(key.replace("process", "output "))
      expect(readSync(descriptors.stderr!, buffer)).toBe(0)
      for (const descriptor of Object.values(descriptors)) closeSync(descriptor)
    }
    expect(openHere()).toBe(before)
    expect(readdirSync(folder)).toEqual([])
  }))

test("handovers that no shim read are removed, other files stay", () =>
  withFolder((folder) => {
    const { carrier } = sendHandover(folder, new Map(), 3)
    closeSync(carrier)
    writeFileSync(join(folder, "shim.log"), "")
    sweepHandovers(folder)
    expect(readdirSync(folder)).toEqual(["shim.log"])
  }))
