import { expect, test } from "bun:test"
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { mount, umount } from "../../src/linux/mount.ts"
import { TestDaemon } from "../fixtures/daemon.ts"

/** A daemon whose data lie on a disk of `megabytes`, which can be filled up. */
async function onSmallDisk(
  megabytes: number,
  use: (daemon: TestDaemon, disk: Ballast) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "disk-"))
  mount({ source: "small", target: root, type: "tmpfs", data: `size=${megabytes}m` })
  try {
    await using daemon = await TestDaemon.start(["--data-root", `${root}/data`])
    await daemon.bootstrap()
    const file = join(root, "ballast")
    await use(daemon, {
      fill(left) {
        const { bavail, bsize } = statfsSync(root)
        try {
          writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - left)))
        } catch (error) {
          // Somebody else has written meanwhile: then it is as full as it shall be.
          if ((error as { code?: string }).code !== "ENOSPC") throw error
        }
      },
      clear: () => rmSync(file, { force: true }),
    })
  } finally {
    umount(root, { detach: true })
    rmdirSync(root)
  }
}

interface Ballast {
  /** Leaves `left` bytes free. */
  fill(left: number): void
  clear(): void
}

const advice = /no space left|disk is full/i

test("loading, importing, committing and creating on a full disk fail with advice, harm nothing, and work again when there is room", () =>
  onSmallDisk(64, async (daemon, disk) => {
    const archive = (await daemon.get("/images/busybox/get")).bytes
    await daemon.docker(
      "run",
      "-d",
      "--name",
      "runs",
      "busybox",
      "sh",
      "-c",
      "head -c 3000000 /dev/urandom > /big; sleep 1000",
    )
    while ((await daemon.docker("exec", "runs", "test", "-s", "/big")).code !== 0) await pause(20)
    await daemon.docker("tag", "busybox", "kept")
    const layer = Buffer.concat([tarHeader("big", 20 << 20), Buffer.alloc(20 << 20, "layer"), Buffer.alloc(1024)])
    disk.fill(256 << 10)

    const imported = await daemon.request("POST", "/images/create?fromSrc=-&repo=imported", layer)
    expect(imported.text).toMatch(advice)
    expect(imported.text).toContain("prune")
    const committed = await daemon.request("POST", "/commit?container=runs&repo=committed")
    expect(committed.status).toBe(500)
    expect(committed.text).toMatch(advice)
    const pulled = await daemon.request("POST", "/images/load", layer)
    expect(pulled.status >= 400 || pulled.text.includes("error")).toBe(true)

    disk.fill(0)
    for (let attempt = 0; attempt < 20; attempt++) {
      for (const [path, body] of [
        ["/containers/create", { Image: "busybox", Cmd: ["true"] }],
        ["/volumes/create", { Name: `volume${attempt}`, Labels: { filler: "x".repeat(4000) } }],
      ] as const) {
        const answer = await daemon.json<{ message: string }>("POST", path, body)
        if (answer.status === 201) continue
        expect({ path, status: answer.status }).toEqual({ path, status: 500 })
        expect(answer.body.message).toMatch(advice)
      }
    }
    // What is there can be looked at and used.
    expect((await daemon.docker("ps", "-q")).stdout.trim()).not.toBe("")
    expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
    expect((await daemon.docker("images", "-q", "kept")).stdout.trim()).not.toBe("")

    // A daemon that is killed on a full disk comes back on a full disk, or when there is room.
    await daemon.end("SIGKILL")
    disk.clear()
    await daemon.startAgain()
    expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
    await daemon.docker("rmi", "-f", "kept")
    expect((await daemon.request("POST", "/images/load?quiet=1", archive)).text).not.toContain("error")
    expect((await daemon.request("POST", "/commit?container=runs&repo=committed")).status).toBe(201)
    expect(await daemon.docker("run", "--rm", "committed", "sh", "-c", "wc -c < /big")).toMatchObject({
      stdout: "3000000\n",
    })
    expect(await daemon.docker("run", "--rm", "-v", "fresh:/data", "busybox", "echo", "works")).toMatchObject({
      stdout: "works\n",
    })
  }))

test("a container whose log finds the disk full goes on, the loss is said, and its output is kept again when there is room", () =>
  onSmallDisk(32, async (daemon, disk) => {
    await daemon.docker(
      "run",
      "-d",
      "--name",
      "talks",
      "--tmpfs",
      "/state",
      "busybox",
      "sh",
      "-c",
      "i=0; while :; do i=$((i+1)); echo line $i; echo $i > /state/count; usleep 200; done",
    )
    await daemon.docker(
      "run",
      "-d",
      "--name",
      "terminal",
      "-t",
      "--tmpfs",
      "/state",
      "busybox",
      "sh",
      "-c",
      "i=0; while :; do i=$((i+1)); echo line $i; echo $i > /state/count; usleep 200; done",
    )
    const count = async (name: string) => Number((await daemon.docker("exec", name, "cat", "/state/count")).stdout)
    const beyond = async (name: string, least: number) => {
      while (!((await count(name)) > least)) await pause(20)
    }
    await Promise.all([beyond("talks", 100), beyond("terminal", 100)])
    disk.fill(0)
    while (!/output is dropped until there is room/.test(daemon.log)) await pause(20)
    for (const name of ["talks", "terminal"]) await beyond(name, (await count(name)) + 500)
    disk.clear()
    while (!/written again, \d+ bytes were lost/.test(daemon.log)) await pause(20)
    const last = async (name: string) =>
      Number(/line (\d+)\s*$/.exec((await daemon.docker("logs", "--tail", "1", name)).stdout)?.[1])
    for (const name of ["talks", "terminal"]) {
      const now = await count(name)
      while (!((await last(name)) > now)) await pause(50)
      expect((await daemon.docker("logs", name)).stdout).toStartWith("line 1")
    }
    expect((await daemon.get("/_ping")).status).toBe(200)
  }))

/** The header of a plain file in a tar archive (POSIX.1-1988 ustar). */
function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write("0000644\0", 100)
  header.write("0000000\0", 108)
  header.write("0000000\0", 116)
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124)
  header.write("00000000000\0", 136)
  header.write("        ", 148)
  header.write("0", 156)
  header.write("ustar\x0000", 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  return header
}
