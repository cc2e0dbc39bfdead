import { expect, test } from "bun:test"
import { closeSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { wouldBlock } from "./descriptor.ts"
import { acceptNow, connectUnix, listenUnix } from "./unix-socket.ts"

function meet(path: string): void {
  const listener = listenUnix(path)
  try {
    expect(acceptNow(listener)).toBe(wouldBlock)
    const client = connectUnix(path)
    closeSync(acceptNow(listener))
    closeSync(client)
    expect(() => connectUnix(`${path}x`)).toThrow()
  } finally {
    closeSync(listener)
  }
}

test("sockets meet at a path of the file system", () => {
  const folder = mkdtempSync(join(tmpdir(), "unix-socket-test-"))
  try {
    meet(join(folder, "socket"))
    expect(existsSync(join(folder, "socket"))).toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("sockets meet at a name that is not in the file system", () => {
  meet(`@barge-unix-socket-test-${process.pid}`)
})
