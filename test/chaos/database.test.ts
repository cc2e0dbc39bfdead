import { expect, test } from "bun:test"
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { executable, TestDaemon } from "../fixtures/daemon.ts"

/** A daemon with a container `runs` that was cut off by a kill, so that its log of changes is in use. */
async function killed(use: (daemon: TestDaemon, data: string) => Promise<void>): Promise<void> {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await daemon.docker("run", "-d", "--name", "runs", "busybox", "sleep", "100017")
  await daemon.end("SIGKILL")
  await use(daemon, join(daemon.root, "data"))
}

/** Starts the daemon, which has to refuse. @returns what it says */
const refusal = (daemon: TestDaemon, command?: string): Promise<string> =>
  daemon.startAgain(command).then(
    () => Promise.reject(new Error("the daemon started")),
    (error: Error) => error.message.slice(error.message.lastIndexOf("the daemon cannot go on")),
  )

/** A program that starts the daemon with one more flag. */
function withFlag(daemon: TestDaemon, flag: string): string {
  const path = join(daemon.root, "barge-with-flag")
  writeFileSync(path, `#!/bin/sh\nexec ${executable} "$@" ${flag}\n`)
  chmodSync(path, 0o755)
  return path
}

test("a daemon whose database is missing, empty or cut refuses to start, and running containers and layers stay", () =>
  killed(async (daemon, data) => {
    const database = join(data, "barge.db")
    const layers = readdirSync(join(data, "snapshots"))
    const blobs = readdirSync(join(data, "content/blobs/sha256"))
    for (const suffix of ["", "-wal"]) renameSync(`${database}${suffix}`, `${database}${suffix}.kept`)
    const said = await refusal(daemon)
    expect(said).toContain("barge.db is missing")
    expect(said).toContain("--salvage")
    writeFileSync(database, "")
    expect(await refusal(daemon)).toContain("barge.db is empty")
    await daemon.run("cp", `${database}.kept`, database)
    truncateSync(database, 4096 * 3)
    expect(await refusal(daemon)).toContain("barge.db is damaged")
    expect(readdirSync(join(data, "snapshots"))).toEqual(layers)
    expect(readdirSync(join(data, "content/blobs/sha256"))).toEqual(blobs)

    for (const suffix of ["", "-wal"]) {
      rmSync(`${database}${suffix}`, { force: true })
      renameSync(`${database}${suffix}.kept`, `${database}${suffix}`)
    }
    await daemon.startAgain()
    expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
  }))

test("--salvage moves everything into a folder, ends what still runs, and begins anew", () =>
  killed(async (daemon, data) => {
    rmSync(join(data, "barge.db"))
    await daemon.startAgain(withFlag(daemon, "--salvage"))
    const [folder, ...more] = readdirSync(data).filter((name) => name.startsWith("salvage-"))
    expect(more).toEqual([])
    expect(readdirSync(join(data, folder!))).toContain("snapshots")
    expect(readdirSync(join(data, folder!, "content/blobs/sha256"))).not.toEqual([])
    expect(daemon.log).toContain(folder!)
    expect((await daemon.docker("ps", "-aq")).stdout).toBe("")
    while ((await daemon.run("pgrep", "-f", "^sleep 100017$")).stdout !== "") await pause(20)
    await daemon.bootstrap()
    expect((await daemon.docker("run", "--rm", "busybox", "echo", "works")).stdout).toBe("works\n")
    // A flag that stays in a unit file does no harm to a data root that is whole.
    await daemon.end("SIGTERM")
    await daemon.startAgain(withFlag(daemon, "--salvage"))
    expect((await daemon.docker("images", "-q", "busybox")).stdout).not.toBe("")
    expect(readdirSync(data).filter((name) => name.startsWith("salvage-"))).toEqual([folder!])
  }))

test("a salvage that was cut off after everything had been moved is completed by the next one", () =>
  killed(async (daemon, data) => {
    rmSync(join(data, "barge.db"))
    const kept = join(data, "salvage-earlier")
    mkdirSync(kept)
    for (const name of readdirSync(data).filter((each) => each !== "salvage-earlier"))
      renameSync(join(data, name), join(kept, name))
    const said = await refusal(daemon)
    expect(said).toContain("containers of another data root")
    expect(said).toContain("--salvage, which ends them")
    await daemon.startAgain(withFlag(daemon, "--salvage"))
    while ((await daemon.run("pgrep", "-f", "^sleep 100017$")).stdout !== "") await pause(20)
    expect(readdirSync(kept)).toContain("snapshots")
  }))

test("a daemon with another data root leaves the containers of a run root alone", () =>
  killed(async (daemon, data) => {
    renameSync(data, `${data}.kept`)
    expect(await refusal(daemon)).toContain("containers of another data root")
    rmSync(data, { recursive: true })
    renameSync(`${data}.kept`, data)
    await daemon.startAgain()
    expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
  }))

test("a database that cannot be changed is refused with the way out, and works once it can", () =>
  killed(async (daemon, data) => {
    const files = ["barge.db", "barge.db-wal"].map((name) => join(data, name))
    const { code } = await daemon.run("chattr", "+i", ...files)
    // Not every file system knows the flag; a bind mount refuses the same on all of them.
    if (code !== 0) for (const file of files) await daemon.run("mount", "--bind", "-o", "ro", file, file)
    try {
      expect(await refusal(daemon)).toMatch(/barge\.db cannot be written.*remount,rw/)
    } finally {
      if (code === 0) await daemon.run("chattr", "-i", ...files)
      else for (const file of files) await daemon.run("umount", file)
    }
    expect(existsSync(join(data, "snapshots"))).toBe(true)
    await daemon.startAgain()
    expect((await daemon.docker("exec", "runs", "echo", "alive")).stdout).toBe("alive\n")
  }))
