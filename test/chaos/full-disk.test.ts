import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { mount, umount } from "../../src/linux/mount.ts"
import { digestOf } from "../../src/oci/digest.ts"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { MemoryRegistry } from "../fixtures/memory-registry.ts"
import { big, identity } from "../fixtures/pulls.ts"
import { ext4, onSmallDisk, type SmallDisk, tmpfs } from "../fixtures/small-disk.ts"

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

const busy = ["busybox", "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"]

/** Runs containers `names` until their signal handlers are in place. */
async function runBusy(daemon: TestDaemon, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await daemon.docker("run", "-d", "--name", name, ...busy)
    const handles = async () => (await daemon.docker("exec", name, "grep", "SigCgt", "/proc/1/status")).stdout
    while (/SigCgt:\s+0+\s/.test(await handles())) await pause(20)
  }
}

const exitCode = async (daemon: TestDaemon, name: string) =>
  (await daemon.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)).stdout.trim()

/** What has to work without room for anything: every way out. @param room makes the disk usable again */
async function expectWaysOut(daemon: TestDaemon, room: () => Promise<void> | void): Promise<void> {
  const code = async (...args: readonly string[]) => (await daemon.docker(...args)).code
  expect(await code("stop", "-t", "60", "stops")).toBe(0)
  expect(await exitCode(daemon, "stops")).toBe("exited 3")
  expect(await code("kill", "dies")).toBe(0)
  expect(await exitCode(daemon, "dies")).toBe("exited 137")
  expect(await code("exec", "stays", "true")).toBe(0)
  const layers = async () => (await daemon.docker("info", "-f", "{{.Driver}} {{.DriverStatus}}")).stdout
  const before = await layers()
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect(await layers()).toBe(before)
  expect(await code("exec", "stays", "true")).toBe(0)
  expect(await exitCode(daemon, "stops")).toBe("exited 3")
  expect(await code("rm", "-f", "goes")).toBe(0)
  expect(await code("volume", "rm", "waste")).toBe(0)
  expect(await code("rm", "never")).toBe(0)
  await room()
  expect(await code("stop", "-t", "60", "stays")).toBe(0)
  expect(await code("system", "prune", "-f")).toBe(0)
  expect((await daemon.docker("ps", "-aq")).stdout).toBe("")
  expect((await daemon.docker("run", "--rm", "busybox", "echo", "works")).stdout).toBe("works\n")
}

const disks: readonly (readonly [string, SmallDisk])[] = [
  ["tmpfs", tmpfs("size=64m")],
  // Where the kernel has no loop devices, an ext4 file system cannot be mounted from a file.
  ...(existsSync("/dev/loop-control") ? [["ext4", ext4(64)] as const] : []),
]

for (const [name, disk] of disks) {
  test(`containers that fill a ${name} data root can be stopped, killed, removed and pruned, and the daemon restarted`, () =>
    onSmallDisk(disk, async (daemon, { root }) => {
      await runBusy(daemon, ["stops", "dies", "goes", "stays"])
      await daemon.docker("create", "--name", "never", "busybox")
      await daemon.docker("volume", "create", "waste")
      // It goes on taking every block that is freed, until the end.
      await daemon.docker(
        "run",
        "-d",
        "--name",
        "fills",
        "busybox",
        "sh",
        "-c",
        "while :; do cat /dev/zero >> /waste; done",
      )
      while (statfsSync(root).bavail > 0) await pause(20)
      await expectWaysOut(daemon, async () => {
        expect((await daemon.docker("stop", "-t", "0", "fills")).code).toBe(0)
      })
      expect(statfsSync(root).bavail * statfsSync(root).bsize).toBeGreaterThan(32 << 20)
    }))
}

test("a data root without inodes can be got out of, and what needs one is refused with advice", () =>
  onSmallDisk(tmpfs("size=64m,nr_inodes=2000"), async (daemon, { root }) => {
    await runBusy(daemon, ["stops", "dies", "goes", "stays"])
    await daemon.docker("create", "--name", "never", "busybox")
    await daemon.docker("volume", "create", "waste")
    const files: string[] = []
    while (statfsSync(root).ffree > 0) {
      const file = join(root, `f${files.length}`)
      writeFileSync(file, "")
      files.push(file)
    }
    for (const command of [
      ["create", "busybox"],
      ["run", "-d", "busybox"],
      ["start", "-a", "never"],
    ] as const) {
      const refused = await daemon.docker(...command)
      expect(refused.stderr).toMatch(/no (inodes|space) left .*barge system prune.* df -i/)
    }
    await expectWaysOut(daemon, () => {
      for (const file of files) rmSync(file)
    })
  }))

test("an import that is larger than the disk leaves nothing behind", () =>
  onSmallDisk(48, async (daemon, { root }) => {
    const free = () => statfsSync(root).bavail * statfsSync(root).bsize
    const before = free()
    const size = 64 << 20
    const archive = Buffer.concat([tarHeader("big", size), Buffer.alloc(size, "x"), Buffer.alloc(1024)])
    expect((await daemon.request("POST", "/images/create?fromSrc=-&repo=big", archive)).text).toMatch(advice)
    expect(readdirSync(join(root, "data/content/ingest"))).toEqual([])
    expect(free()).toBeGreaterThan(before - (1 << 20))
  }))

test("a pull that is larger than the disk leaves nothing behind, one that was killed goes with a prune", () =>
  onSmallDisk(48, async (daemon, { root }) => {
    await using registry = await MemoryRegistry.start()
    const held = Promise.withResolvers<void>()
    registry.addImage("big", "1", [big(64 << 20)])
    const layer = big(8 << 20)
    registry.addImage("cut", "1", [layer], { compress: identity })
    const used = () => {
      const { blocks, bfree, bsize } = statfsSync(root)
      return (blocks - bfree) * bsize
    }
    const before = used()
    const pulled = await daemon.docker("pull", `${registry.host}/big:1`)
    expect(pulled.code).toBe(1)
    expect(pulled.stderr).toMatch(advice)
    await eventually(async () => used() < before + (1 << 20), "what was pulled is given back")

    registry.fault = async ({ path }, response) => {
      if (!path.endsWith(digestOf(layer))) return false
      response.writeHead(200, { "content-length": layer.length })
      response.write(layer.subarray(0, layer.length >> 1))
      await held.promise
      response.destroy()
      return true
    }
    const cut = daemon.docker("pull", `${registry.host}/cut:1`)
    const ingests = join(root, "data/content/ingest")
    await eventually(
      async () =>
        readdirSync(ingests).some(
          (name) => (statSync(join(ingests, name), { throwIfNoEntry: false })?.size ?? 0) > 1 << 20,
        ),
      "half a layer",
    )
    await daemon.end("SIGKILL")
    held.resolve()
    await cut
    await daemon.startAgain()
    expect(readdirSync(ingests)).not.toEqual([])
    expect((await daemon.docker("image", "prune", "-f")).code).toBe(0)
    expect(readdirSync(ingests)).toEqual([])
  }))

test("a full run root keeps nobody from stopping, and exit codes arrive, those of a time without a daemon as well", async () => {
  const run = mkdtempSync(join(tmpdir(), "run-"))
  mount({ source: "run", target: run, type: "tmpfs", data: "size=16m" })
  try {
    await using daemon = await TestDaemon.start(["--exec-root", `${run}/run`])
    await daemon.bootstrap()
    await runBusy(daemon, ["stops", "dies"])
    await daemon.docker(
      "run",
      "-d",
      "--name",
      "later",
      "-v",
      "gate:/gate",
      "busybox",
      "sh",
      "-c",
      "until [ -e /gate/go ]; do sleep 0.05; done; exit 5",
    )
    const { bavail, bsize } = statfsSync(run)
    try {
      writeFileSync(join(run, "ballast"), Buffer.alloc(bavail * bsize))
    } catch (error) {
      // Journals grow meanwhile: then it is as full as it shall be.
      if ((error as { code?: string }).code !== "ENOSPC") throw error
    }
    expect((await daemon.docker("stop", "-t", "60", "stops")).code).toBe(0)
    expect(await exitCode(daemon, "stops")).toBe("exited 3")
    await daemon.end("SIGKILL")
    writeFileSync(join(daemon.root, "data/volumes/gate/_data/go"), "")
    await daemon.startAgain()
    while ((await exitCode(daemon, "later")) !== "exited 5") await pause(50)
    expect((await daemon.docker("rm", "-f", "dies")).code).toBe(0)
    rmSync(join(run, "ballast"))
    expect((await daemon.docker("run", "--rm", "busybox", "echo", "works")).stdout).toBe("works\n")
  } finally {
    umount(run, { detach: true })
    rmdirSync(run)
  }
})

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
