import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RootWalk } from "./root-walk.ts"

let folder: string
let root: string
let volume: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "root-walk-"))
  root = join(folder, "root")
  volume = join(folder, "volume")
  mkdirSync(root)
  mkdirSync(volume)
})
afterEach(() => rmSync(folder, { recursive: true }))

const reach = (path: string, make: "directory" | "file" = "directory", before: (walk: RootWalk) => void = () => {}) => {
  using walk = new RootWalk(root)
  before(walk)
  return walk.reach(path, make)
}

test("what is missing is made: directories on the way, and at the end what was asked for", () => {
  expect(reach("/a/./b//c/", "file")).toEqual({ path: "/a/b/c", there: true })
  expect(statSync(join(root, "a/b/c")).isFile()).toBe(true)
  expect(statSync(join(root, "a/b")).mode & 0o777).toBe(0o755)
  expect(reach("/")).toEqual({ path: "/", there: true })
})

test("links lead to where they point within the root, also where that is missing", () => {
  symlinkSync("/data/store", join(root, "absolute"))
  symlinkSync("../../../up", join(root, "relative"))
  symlinkSync("absolute/more", join(root, "chain"))
  expect(reach("/absolute/x").path).toBe("/data/store/x")
  expect(reach("/relative").path).toBe("/up")
  expect(reach("/chain").path).toBe("/data/store/more")
  expect(reach("/relative/../../../..").path).toBe("/")
  expect(readdirSync(folder).sort()).toEqual(["root", "volume"])
})

test("a link to itself, and a file on the way, are errors", () => {
  symlinkSync("round", join(root, "round"))
  writeFileSync(join(root, "file"), "")
  expect(() => reach("/round")).toThrow(expect.objectContaining({ code: "ELOOP" }))
  expect(() => reach("/file/below")).toThrow(expect.objectContaining({ code: "ENOTDIR" }))
})

test("below a cover the walk goes on in its source, and links there begin at the root again", () => {
  symlinkSync("/other", join(volume, "link"))
  const cover = (walk: RootWalk) => walk.cover(walk.reach("/data", "directory"), { source: volume, readOnly: false })
  expect(reach("/data/new", "directory", cover)).toEqual({ path: "/data/new", there: true })
  expect(reach("/data/link", "directory", cover)).toEqual({ path: "/other", there: true })
  expect(readdirSync(volume).sort()).toEqual(["link", "new"])
  expect(readdirSync(root).sort()).toEqual(["data", "other"])
})

test("nothing is made in a cover that is read-only, nor below one of which nothing is known", () => {
  const readOnly = (walk: RootWalk) => walk.cover(walk.reach("/data", "directory"), { source: volume, readOnly: true })
  expect(reach("/data/new/sub", "directory", readOnly)).toEqual({ path: "/data/new/sub", there: false })
  expect(readdirSync(volume)).toEqual([])
  const unknown = (walk: RootWalk) => walk.cover(walk.reach("/dev", "directory"), "unknown")
  expect(reach("/dev/shm", "directory", unknown)).toEqual({ path: "/dev/shm", there: false })
  expect(reach("/dev/../back", "directory", unknown)).toEqual({ path: "/back", there: true })
  expect(readdirSync(join(root, "dev"))).toEqual([])
})

test("a cover hides the covers below it", () => {
  mkdirSync(join(volume, "sub"))
  const covers = (walk: RootWalk) => {
    walk.cover(walk.reach("/a/sub", "directory"), "unknown")
    walk.cover(walk.reach("/a", "directory"), { source: volume, readOnly: false })
  }
  expect(reach("/a/sub/x", "directory", covers)).toEqual({ path: "/a/sub/x", there: true })
  expect(readdirSync(join(volume, "sub"))).toEqual(["x"])
})
