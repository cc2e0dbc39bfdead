import { afterAll, beforeAll, expect, test } from "bun:test"
import { readdirSync, utimesSync } from "node:fs"
import { join } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { OwnDisk } from "../fixtures/own-disk.ts"

let disk: OwnDisk
let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

beforeAll(async () => {
  disk = await OwnDisk.make(256)
  daemon = await TestDaemon.start(["--data-root", disk.path])
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
  await disk?.[Symbol.asyncDispose]()
})

const writes = 100

/** How often the disk was flushed while a container wrote 100 times, each time with fsync. */
async function flushesOf(directory: string, ...flags: readonly string[]): Promise<number> {
  const one = `dd if=/dev/zero of=${directory}/$i bs=512 count=1 conv=fsync 2>/dev/null`
  await out("create", "--name", "writer", ...flags, "busybox", "sh", "-c", `for i in $(seq ${writes}); do ${one}; done`)
  const before = disk.flushes()
  await out("start", "-a", "writer")
  const counted = disk.flushes() - before
  if (!flags.includes("--rm")) await out("rm", "-v", "writer")
  return counted
}

test("fsync in a container's own files and in a volume reaches the disk", async () => {
  expect(await flushesOf("/root")).toBeGreaterThanOrEqual(writes)
  expect(await flushesOf("/data", "-v", "/data")).toBeGreaterThanOrEqual(writes)
})

test("fsync in the own files of a container that is thrown away costs no flush, in a volume it reaches the disk", async () => {
  expect(await flushesOf("/root", "--rm")).toBeLessThan(writes / 2)
  expect(await flushesOf("/data", "--rm", "-v", "/data")).toBeGreaterThanOrEqual(writes)
})

test("fsync reaches the disk also after a restart, which keeps the root mounted", async () => {
  await out("run", "-d", "--name", "again", "busybox", "sh", "-c", "touch /started; exec sleep 1000")
  await out("restart", "-t", "0", "again")
  const before = disk.flushes()
  const one = "dd if=/dev/zero of=/root/$i bs=512 count=1 conv=fsync 2>/dev/null"
  await out("exec", "again", "sh", "-c", `[ -e /started ] && for i in $(seq ${writes}); do ${one}; done`)
  expect(disk.flushes() - before).toBeGreaterThanOrEqual(writes)
  await out("rm", "-f", "again")
})

test("a container of an earlier build, mounted without syncs when the power went, says that its files are in doubt", async () => {
  await out("create", "--name", "old", "busybox", "true")
  await out("create", "--name", "whole", "busybox", "true")
  const warning = (name: string) => out("inspect", "-f", '{{index .GraphDriver.Data "Warning"}}', name)
  const work = await out("inspect", "-f", "{{.GraphDriver.Data.WorkDir}}", "old")
  await daemon.end("SIGTERM")
  // What the kernel leaves of a mount with `volatile`, older than this boot of the host.
  const marker = join(work, "work/incompat")
  await daemon.run("mkdir", "-p", join(marker, "volatile"))
  utimesSync(marker, 1, 1)
  await daemon.startAgain()
  expect(await warning("old")).toContain("may be missing")
  expect(await warning("whole")).toBe("")
  expect(daemon.log).toContain("a container's files may be incomplete")
  expect(readdirSync(join(work, "work"))).toEqual([])
  await out("start", "-a", "old")
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect(await warning("old")).toContain("may be missing")
})
