import { afterEach, beforeEach, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openBareNamespace } from "../linux/bare-namespace.ts"
import { mount, mountFlags, umount } from "../linux/mount.ts"
import { mountTable } from "../linux/mount-table.ts"
import { spawn } from "../linux/spawn.ts"
import { UnbindableDirectories } from "../linux/unbindable-directories.ts"
import { launch, preludeFailed } from "./launch.ts"

let root = ""
let mounts = ""

/** A shared mount with a directory of mounts in it: what appears in it by accident would be seen here. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "short-table-"))
  mount({ source: "test", target: root, type: "tmpfs" })
  mount({ source: "none", target: root, flags: mountFlags.shared })
  mounts = join(root, "mounts")
  mkdirSync(mounts)
  UnbindableDirectories.open([mounts], { seen: [] })
  for (const name of ["mine", "other"]) {
    mkdirSync(join(mounts, name))
    mount({ source: name, target: join(mounts, name), type: "tmpfs" })
    writeFileSync(join(mounts, name, "file"), name)
  }
})

afterEach(() => {
  umount(root, { detach: true })
  rmSync(root, { recursive: true })
})

/** Runs a shell script where only `carried` of the directory is in sight. @returns its exit code */
async function inShortTable(script: string, carried: readonly string[], bare?: string): Promise<number> {
  using namespace = await openBareNamespace()
  const shortTable = { bare: bare ?? namespace.path, carried }
  const before = { hideUnified: false, shortTable, cgroup: { kind: "runtime" } } as const
  using start = launch(before, ["/bin/sh", "-ec", script])
  return await spawn({ command: start.command, stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} }).exited
}

const points = (table = mountTable()) => table.map(({ mountPoint }) => mountPoint)
const mine = () => join(mounts, "mine")

test("a launch sees the host's mounts and what is carried, and nothing else of the directory", async () => {
  const list = join(root, "list")
  expect(await inShortTable(`cat /proc/self/mountinfo >${list}`, [mine()])).toBe(0)
  const seen = points(mountTable(readFileSync(list, "utf8")))
  for (const point of ["/", "/proc", "/sys", "/dev", root]) expect(seen).toContain(point)
  expect(seen.filter((point) => point.startsWith(mounts))).toEqual([mounts, mine()])
})

test("the directory's own files are in sight, and the root is the host's", async () => {
  writeFileSync(join(mounts, "config"), "text")
  const script = `cat ${join(mounts, "config")} ${join(mine(), "file")} >${root}/read; test -e ${process.execPath}; pwd >>${root}/read`
  expect(await inShortTable(script, [mine()])).toBe(0)
  expect(readFileSync(join(root, "read"), "utf8")).toBe("textmine/\n")
})

test("nothing of a launch appears on the host, also where everything around is shared", async () => {
  const before = points()
  expect(await inShortTable("exec sleep 0", [mine()])).toBe(0)
  expect(points().filter((point) => point.startsWith(root))).toEqual(before.filter((point) => point.startsWith(root)))
})

test("what is shared on the host stays shared with a launch, in both directions", async () => {
  for (const name of ["there", "here", "go", "went"]) mkdirSync(join(root, name))
  const script = `mount -t tmpfs inside ${root}/there; echo >${root}/went/ready; until test -e ${root}/here/come; do sleep 0.01; done`
  const ended = inShortTable(script, [])
  while (!existsSync(join(root, "went/ready"))) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(points()).toContain(join(root, "there"))
  mount({ source: "outside", target: join(root, "here"), type: "tmpfs" })
  writeFileSync(join(root, "here/come"), "")
  expect(await ended).toBe(0)
})

test("a launch that cannot have a short table ends before its program", async () => {
  const script = `echo >${root}/ran`
  expect(await inShortTable(script, [join(mounts, "missing")])).toBe(preludeFailed)
  expect(await inShortTable(script, [mine()], "/proc/self/ns/nothing")).toBe(preludeFailed)
  expect(existsSync(join(root, "ran"))).toBe(false)
})

test("a mount namespace that is bound to a file on the host is in nobody's way", async () => {
  const file = join(root, "namespace")
  writeFileSync(file, "")
  mount({ source: "none", target: root, flags: mountFlags.private })
  const other = Bun.spawn(["unshare", "-m", "sh", "-c", "echo; exec sleep infinity"], { stdout: "pipe" })
  await other.stdout.getReader().read()
  mount({ source: `/proc/${other.pid}/ns/mnt`, target: file, flags: mountFlags.bind })
  other.kill("SIGKILL")
  await other.exited
  // Some kernels refuse to move a tree that has it.
  const exitCode = await inShortTable(`echo >${root}/ran`, [mine()])
  expect([0, preludeFailed]).toContain(exitCode)
  expect(existsSync(join(root, "ran"))).toBe(exitCode === 0)
})
