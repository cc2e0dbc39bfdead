import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { refuseOtherKinds } from "./own-paths.ts"

class World implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "own-paths-"))
  readonly roots = { data: join(this.folder, "data"), run: join(this.folder, "run") }
  readonly pidfile = join(this.folder, "pids/barge.pid")

  put(path: string, make: (path: string) => void): string {
    const whole = join(this.folder, path)
    mkdirSync(dirname(whole), { recursive: true })
    make(whole)
    return whole
  }

  get listing(): string {
    return execFileSync("find", [this.folder, "-printf", "%p %y %l\n"], { encoding: "utf8" })
  }

  check(): void {
    refuseOtherKinds(this.roots, this.pidfile)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

const file = (path: string) => writeFileSync(path, "text")
const directory = (path: string) => mkdirSync(path)
const fifo = (path: string) => execFileSync("mkfifo", [path])
const dangling = (path: string) => symlinkSync("/nowhere/at/all", path)
const loop = (path: string) => symlinkSync(path, path)

const cases: readonly (readonly [string, (path: string) => void, string, string])[] = [
  ["data", file, "is a file, where the daemon needs a directory", "--data-root"],
  ["data", dangling, "is a link to /nowhere/at/all, which is missing (is a disk not mounted?)", "--data-root"],
  ["data", loop, "cannot be looked at (ELOOP", "--data-root"],
  ["data/barge.db.lock", directory, "is a directory, where the daemon needs a regular file", "--data-root"],
  ["data/barge.db.lock", fifo, "is a FIFO", "--data-root"],
  ["data/snapshots.probe.json", fifo, "is a FIFO", "--data-root"],
  ["data/content", file, "is a file", "--data-root"],
  ["data/volumes", dangling, "is a link to /nowhere/at/all", "--data-root"],
  ["run", file, "is a file", "--exec-root"],
  ["run/daemon.lock", directory, "is a directory", "--exec-root"],
  ["run/shim", file, "is a file", "--exec-root"],
  ["run/shim/shim.sock", directory, "is a directory, where the daemon needs a socket", "--exec-root"],
  ["pids", file, "is a file, where the daemon needs a directory", "--pidfile"],
  ["pids/barge.pid", directory, "is a directory", "--pidfile"],
  ["pids/barge.pid", fifo, "is a FIFO", "--pidfile"],
]

for (const [path, make, words, flag] of cases) {
  test(`${path} that is made by ${make.name} is refused by name, with a way out, and stays`, () => {
    using world = new World()
    const whole = world.put(path, make)
    const before = world.listing
    expect(() => world.check()).toThrow(`${whole} ${words}`)
    expect(() => world.check()).toThrow(`Nothing was changed. Move it away, or give the daemon another ${flag}`)
    expect(world.listing).toBe(before)
  })
}

test("a root below a file is refused with the name of the file", () => {
  using world = new World()
  const whole = world.put("disk", file)
  const roots = { ...world.roots, data: join(whole, "a/b") }
  expect(() => refuseOtherKinds(roots, world.pidfile)).toThrow(`${whole} is a file`)
})

test("roots that are not there yet, and links to directories, are no trouble", () => {
  using world = new World()
  world.check()
  world.put("disk/volumes", directory)
  world.put("data/volumes", (path) => symlinkSync(join(world.folder, "disk/volumes"), path))
  world.check()
})
