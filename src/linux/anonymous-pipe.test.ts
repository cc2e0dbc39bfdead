import { expect, test } from "bun:test"
import { closeSync, openSync, readSync, writeSync } from "node:fs"
import { openOutputPipe, openPipeOf, pipeIdentity } from "./anonymous-pipe.ts"

test("another end of a process's pipe is opened only where the process still has that pipe", () => {
  const { reader, both } = openOutputPipe()
  const other = openSync("/dev/null", "r")
  const identity = pipeIdentity(reader)
  try {
    const again = openPipeOf(process.pid, both, identity, "read")!
    writeSync(both, "told")
    const told = Buffer.alloc(8)
    expect(told.toString("latin1", 0, readSync(again, told))).toBe("told")
    closeSync(again)
    expect(openPipeOf(process.pid, other, identity, "read")).toBeUndefined()
    expect(openPipeOf(process.pid, both, `${Number(identity) + 1}`, "read")).toBeUndefined()
  } finally {
    for (const each of [reader, both, other]) closeSync(each)
  }
  expect(openPipeOf(process.pid, both, identity, "read")).toBeUndefined()
})
