import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseEndpoint } from "./endpoint.ts"
import { openListeners } from "./listener.ts"

const accept = () => {}
const defaults = { path: "/run/x.sock", tls: false }

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "listen-"))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("a unix socket has mode 0660 and is removed when closed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s")
    const [listener] = await openListeners({ kind: "unix", path }, { accept })
    expect(statSync(path).mode & 0o777).toBe(0o660)
    await listener![Symbol.asyncDispose]()
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  }))

test("an unknown group keeps the socket to its owner", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s")
    const [listener] = await openListeners({ kind: "unix", path }, { accept, group: "no-such-group" })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await listener![Symbol.asyncDispose]()
  }))

test("a live socket is not replaced", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s")
    const [listener] = await openListeners({ kind: "unix", path }, { accept })
    await expect(openListeners({ kind: "unix", path }, { accept })).rejects.toThrow("another daemon listens")
    await listener![Symbol.asyncDispose]()
  }))

test("a file that is no socket is not removed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s")
    writeFileSync(path, "precious")
    await expect(openListeners({ kind: "unix", path }, { accept })).rejects.toThrow("is not a socket")
    expect(statSync(path).size).toBe(8)
  }))

test("a taken TCP port is a conflict that names the place", async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  const { port } = server.address() as { port: number }
  await expect(openListeners({ kind: "tcp", host: "127.0.0.1", port }, { accept })).rejects.toThrow(`127.0.0.1:${port}`)
  server.close()
})

test("endpoints are parsed as dockerd's -H", () => {
  expect(parseEndpoint("unix://", defaults)).toEqual({ kind: "unix", path: "/run/x.sock" })
  expect(parseEndpoint("unix:///a/b", defaults)).toEqual({ kind: "unix", path: "/a/b" })
  expect(parseEndpoint("tcp://0.0.0.0", defaults)).toEqual({ kind: "tcp", host: "0.0.0.0", port: 2375 })
  expect(parseEndpoint("tcp://:2376", { ...defaults, tls: true })).toEqual({
    kind: "tcp",
    host: "localhost",
    port: 2376,
  })
  expect(parseEndpoint("[::1]:99", defaults)).toEqual({ kind: "tcp", host: "::1", port: 99 })
  expect(parseEndpoint("fd://", defaults)).toEqual({ kind: "fd" })
  expect(() => parseEndpoint("ftp://x", defaults)).toThrow("invalid bind address")
  expect(() => parseEndpoint("tcp://x:99999", defaults)).toThrow("invalid bind address")
})
