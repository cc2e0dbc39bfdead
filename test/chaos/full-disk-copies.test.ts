import { expect, test } from "bun:test"
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runProgram, type TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { processesOf } from "../fixtures/kernel-state.ts"
import { ext4, onSmallDisk } from "../fixtures/small-disk.ts"

/** Files below `root` that are deleted, and whose blocks daemon or shim keep all the same. */
const deletedFiles = (daemon: TestDaemon, root: string): readonly string[] =>
  [daemon.pid, ...processesOf(daemon.root, "shim")].flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
      try {
        const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`)
        return target.startsWith(root) && target.endsWith(" (deleted)") ? [`${pid}: ${target}`] : []
      } catch {
        return [] // It was closed while we looked.
      }
    }),
  )

const nothingDeletedStaysOpen = (daemon: TestDaemon, root: string) =>
  eventually(async () => deletedFiles(daemon, root).length === 0, "the end of deleted files")

test("a copy into a container that finds the disk full says so, leaves no half of a file, and works when there is room", () =>
  onSmallDisk(48, async (daemon, disk) => {
    const folder = mkdtempSync(join(tmpdir(), "copied-"))
    try {
      const big = join(folder, "big")
      writeFileSync(big, Buffer.alloc(8 << 20, "x"))
      await daemon.docker("run", "-d", "--name", "runs", "-v", "data:/volume", "busybox", "sleep", "1000")
      await daemon.docker("create", "--name", "made", "busybox")
      disk.fill(2 << 20)
      const { bavail } = statfsSync(disk.root)
      for (const target of ["runs:/big", "runs:/volume/big", "made:/big"]) {
        const copied = await daemon.docker("cp", big, target)
        expect(copied.code).toBe(1)
        expect(copied.stderr).toMatch(/unpack big: no space left on device.*barge system prune/)
      }
      const { stdout } = await daemon.docker("exec", "runs", "ls", "/", "/volume")
      expect(stdout).not.toContain("big")
      expect((await daemon.docker("cp", "made:/big", join(folder, "none"))).stderr).toContain("Could not find the file")
      // A directory may have taken a page or two.
      expect(statfsSync(disk.root).bavail).toBeGreaterThan(bavail - 16)
      await nothingDeletedStaysOpen(daemon, disk.root)
      disk.clear()
      expect((await daemon.docker("cp", big, "runs:/big")).code).toBe(0)
      disk.fill(0)
      expect((await daemon.docker("cp", "runs:/big", join(folder, "out"))).code).toBe(0)
      expect(readFileSync(join(folder, "out")).equals(readFileSync(big))).toBe(true)

      for (const [command, name] of [
        [["cp", "runs:/big"], "copy"],
        [["export", "-o"], "exported.tar"],
      ] as const) {
        const path = join(disk.root, name)
        const words = command[0] === "cp" ? [...command, path] : [...command, path, "runs"]
        const failed = await daemon.barge(...words)
        expect(failed).toMatchObject({ code: 1, stderr: `write ${path}: no space left on device\n` })
        expect(readdirSync(disk.root).filter((left) => left.includes(name))).toEqual([])
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  }))

test("a volume that finds no room for what the image holds is empty again, and is filled by the next start that has room", () =>
  onSmallDisk(48, async (daemon, disk) => {
    await daemon.docker(
      "run",
      "--name",
      "maker",
      "busybox",
      "sh",
      "-c",
      "mkdir /data; head -c 3000000 /dev/urandom > /data/big",
    )
    await daemon.docker("commit", "maker", "holds")
    disk.fill(1 << 20)
    const start = (name: string) =>
      daemon.docker("run", "--name", name, "-v", "filled:/data", "holds", "wc", "-c", "/data/big")
    const failed = await Promise.all([start("first"), start("second")])
    for (const { code, stderr } of failed) {
      expect(code).toBe(125)
      expect(stderr).toMatch(
        /filling the volume at \/data from the image: .*No space left on device; the volume is empty again/,
      )
    }
    expect(readdirSync(join(disk.root, "data/volumes/filled/_data"))).toEqual([])
    disk.clear()
    const both = await Promise.all(["first", "second"].map((name) => daemon.docker("start", "-a", name)))
    expect(both.map(({ stdout }) => stdout)).toEqual(["3000000 /data/big\n", "3000000 /data/big\n"])
  }))

test("a log that rotates and is compressed on a full disk keeps no deleted file open, and goes on when there is room", () =>
  onSmallDisk(32, async (daemon, disk) => {
    await daemon.docker(
      "run",
      "-d",
      "--name",
      "talks",
      "--tmpfs",
      "/state",
      "--log-opt",
      "max-size=64k",
      "--log-opt",
      "max-file=3",
      "--log-opt",
      "compress=true",
      "busybox",
      "sh",
      "-c",
      "i=0; while :; do i=$((i+1)); echo line $i; echo $i > /state/new; mv /state/new /state/count; done",
    )
    const count = async () => Number((await daemon.docker("exec", "talks", "cat", "/state/count")).stdout)
    const beyond = async (more: number) => {
      const least = (await count()) + more
      await eventually(async () => (await count()) > least, "more lines")
    }
    await beyond(6000)
    disk.fill(0)
    await eventually(async () => daemon.log.includes("output is dropped until there is room"), "a full disk")
    await beyond(1000)
    // The oldest files are compressed, and there is no room to unpack them.
    const { code, stderr, stdout } = await daemon.docker("logs", "talks")
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout.split("\n").length).toBeGreaterThan(1000)
    await nothingDeletedStaysOpen(daemon, disk.root)
    disk.clear()
    const cleared = await count()
    await beyond(1000)
    await daemon.docker("stop", "-t", "0", "talks")
    const last = Number(/line (\d+)\s*$/.exec((await daemon.docker("logs", "--tail", "1", "talks")).stdout)?.[1])
    expect(last).toBeGreaterThan(cleared)
    await nothingDeletedStaysOpen(daemon, disk.root)
  }))

test.skipIf(!existsSync("/dev/loop-control"))(
  "a disk that becomes read-only under a daemon keeps nobody from stopping, and nothing of ended containers stays in the kernel",
  () =>
    onSmallDisk(ext4(64), async (daemon, { root }) => {
      for (const name of ["stops", "goes"]) await daemon.docker("run", "-d", "--name", name, "busybox", "sleep", "1000")
      const remount = (way: string) => runProgram("mount", ["-o", `remount,${way}`, root])
      await remount("errors=remount-ro")
      const device = (await runProgram("findmnt", ["-no", "SOURCE", root])).stdout.trim().replace("/dev/", "")
      writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, "1")
      expect((await runProgram("findmnt", ["-no", "OPTIONS", root])).stdout).toMatch(/^ro,|emergency_ro/)
      expect((await daemon.docker("stop", "-t", "0", "stops")).code).toBe(0)
      expect((await daemon.docker("kill", "goes")).code).toBe(0)
      await daemon.end("SIGTERM")
      // `onSmallDisk` sees to it that the daemon leaves nothing behind.
      expect(daemon.log).toContain("recording the state of a container failed")
    }),
)

const programs = ["mkfs.btrfs", "btrfs"].map((name) => Bun.which(name))
const noQuota =
  programs.includes(null) ||
  !existsSync("/dev/loop-control") ||
  !readFileSync("/proc/filesystems", "utf8").includes("btrfs")
if (noQuota) console.log("the test of quotas is skipped: it needs btrfs-progs, btrfs in the kernel, and loop devices")

/** A subvolume of btrfs with a quota, where the disk itself has room: even root cannot write more. */
async function quota(root: string): Promise<void> {
  const image = `${root}.img`
  await Bun.write(image, "")
  for (const [command, ...args] of [
    ["truncate", "-s", "400M", image],
    ["mkfs.btrfs", "-q", "-f", "-M", image],
    ["mount", "-o", "loop", image, root],
    ["rm", image],
    ["btrfs", "quota", "enable", root],
    ["btrfs", "subvolume", "create", `${root}/data`],
    ["btrfs", "qgroup", "limit", "48M", `${root}/data`],
  ] as const) {
    const { code, stderr } = await runProgram(command, args)
    if (code !== 0) throw new Error(`${command}: ${stderr}`)
  }
}

test.skipIf(noQuota)("a used-up quota is told as such, and the data root can be got out of as on a full disk", () =>
  onSmallDisk(quota, async (daemon, { root }) => {
    await daemon.docker("run", "-d", "--name", "fills", "busybox", "sh", "-c", "cat /dev/zero > /waste; sleep 1000")
    await daemon.docker("create", "--name", "never", "busybox")
    const full = /quota of .*data is used up.*barge system prune.*raise the quota/
    await eventually(async () => full.test((await daemon.docker("volume", "create")).stderr), "a used-up quota")
    const { bavail, bsize } = statfsSync(root)
    expect(bavail * bsize).toBeGreaterThan(200 << 20)
    expect((await daemon.docker("create", "busybox")).stderr).toMatch(full)
    expect((await daemon.docker("tag", "busybox", "other")).stderr).toMatch(full)
    const imported = await daemon.request("POST", "/images/create?fromSrc=-&repo=imported", Buffer.alloc(10240))
    expect(imported.text).toMatch(full)
    expect((await daemon.docker("stop", "-t", "0", "fills")).code).toBe(0)
    await daemon.end("SIGKILL")
    await daemon.startAgain()
    expect((await daemon.docker("rm", "never")).code).toBe(0)
    expect((await daemon.docker("system", "prune", "-f")).code).toBe(0)
    expect((await daemon.docker("run", "--rm", "busybox", "echo", "works")).stdout).toBe("works\n")
    expect(existsSync(join(root, "data/barge.db.reserve"))).toBe(true)
  }),
)
