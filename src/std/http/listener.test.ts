import { expect, test } from "bun:test"
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
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

test("a socket that systemd handed over is given to the group", () =>
  inFolder(async (folder) => {
    const path = join(folder, "s")
    const held = createServer()
    await new Promise<void>((resolve) => held.listen(path, resolve))
    chownSync(path, 0, 0)
    chmodSync(path, 0o600)
    // The listener looks for descriptors from 3 on; a process of its own has none there but this one.
    const script = `
      const { openListeners } = await import(${JSON.stringify(join(import.meta.dir, "listener.ts"))})
      await openListeners({ kind: "fd" }, {
        accept: () => {},
        group: process.argv[1],
        environment: { LISTEN_FDS: "1", LISTEN_PID: String(process.pid) },
      })
      process.exit()
    `
    const descriptor = (held as unknown as { _handle: { fd: number } })._handle.fd
    const hand = (group: string) =>
      Bun.spawn([process.execPath, "-e", script, group], { stdio: ["ignore", "inherit", "inherit", descriptor] }).exited
    expect(await hand("no-such-group")).toBe(0)
    expect([statSync(path).gid, statSync(path).mode & 0o777]).toEqual([0, 0o600])
    expect(await hand("12345")).toBe(0)
    expect([statSync(path).gid, statSync(path).mode & 0o777]).toEqual([12345, 0o660])
    held.close()
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
