import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

/** The kernel's numbers of the mounts at a container's root, as the host sees it (proc_pid_mountinfo(5)). */
const rootMounts = (id: string): readonly string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(`${daemon.root}/run/bundles/moby/${id}/rootfs `))
    .map((line) => line.split(" ")[0]!)

const sleeper = ["busybox", "sleep", "1000"] as const

test("a restart goes on with the root that is mounted, a start after a stop mounts it anew", async () => {
  const id = await out("run", "-d", "--name", "web", ...sleeper)
  await out("exec", "web", "sh", "-c", "echo one > /file")
  const before = rootMounts(id)
  expect(before).toHaveLength(1)
  await out("restart", "-t", "0", "web")
  expect(rootMounts(id)).toEqual(before)
  expect(await out("exec", "web", "cat", "/file")).toBe("one")
  await out("stop", "-t", "0", "web")
  await eventually(async () => rootMounts(id).length === 0, "the root of a stopped container is unmounted")
  expect(await out("cp", "web:/file", "-").then((tar) => tar.includes("one"))).toBe(true)
  await out("restart", "web")
  expect(await out("exec", "web", "cat", "/file")).toBe("one")
  await out("rm", "-f", "web")
})

test("a file system that the container has made read-only is writable again after a restart", async () => {
  await out("run", "-d", "--privileged", "--name", "locked", ...sleeper)
  await out("exec", "locked", "mount", "-o", "remount,ro", "/")
  expect((await daemon.docker("exec", "locked", "touch", "/file")).code).not.toBe(0)
  await out("restart", "-t", "0", "locked")
  await out("exec", "locked", "touch", "/file")
  await out("rm", "-f", "locked")
})

test("a restart that cannot start leaves nothing mounted, and the container can be started later", async () => {
  const source = mkdtempSync(join(tmpdir(), "barge-source-"))
  const id = await out("run", "-d", "--name", "broken", "--mount", `type=bind,src=${source},dst=/data`, ...sleeper)
  rmSync(source, { recursive: true })
  expect((await daemon.docker("restart", "-t", "0", "broken")).code).not.toBe(0)
  expect(await out("inspect", "-f", "{{.State.Status}}", "broken")).toBe("exited")
  await eventually(async () => rootMounts(id).length === 0, "nothing is mounted after a start that failed")
  await daemon.run("mkdir", source)
  await out("start", "broken")
  await out("rm", "-f", "broken")
  rmSync(source, { recursive: true })
})

test("restarts, a copy and a removal at the same time end in a container that is gone", async () => {
  const id = await out("run", "-d", "--name", "busy", ...sleeper)
  const restarts = Array.from({ length: 4 }, () => daemon.docker("restart", "-t", "0", "busy"))
  const copies = Array.from({ length: 4 }, () => daemon.docker("cp", "busy:/etc/passwd", "-"))
  for (const { code, stdout } of await Promise.all(copies)) expect([code, stdout.includes("root:")]).toEqual([0, true])
  for (const { code, stderr } of await Promise.all(restarts)) expect([code, stderr]).toEqual([0, ""])
  const last = daemon.docker("restart", "-t", "0", "busy")
  await out("rm", "-f", "busy")
  await last
  expect((await daemon.docker("inspect", "busy")).code).toBe(1)
  await eventually(async () => rootMounts(id).length === 0, "nothing of a removed container is mounted")
})
