import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mount, mountFlags, umount } from "./mount.ts"
import { mountTable } from "./mount-table.ts"
import { liesOn, otherUnbindable, UnbindableDirectories } from "./unbindable-directories.ts"

let root = ""
let directory = ""

/** Everything is below a mount that shares what is mounted on it with a second place. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "unbindable-"))
  for (const name of ["host", "peer"]) mkdirSync(join(root, name))
  mount({ source: "test", target: join(root, "host"), type: "tmpfs" })
  mount({ source: "none", target: join(root, "host"), flags: mountFlags.shared })
  mount({ source: join(root, "host"), target: join(root, "peer"), flags: mountFlags.bind })
  directory = join(root, "host/run/mounts")
  mkdirSync(join(directory, "one"), { recursive: true })
  mkdirSync(join(directory, "two"))
})

afterEach(() => {
  // One takes others along: of what is mounted on it, and of what it is shared with.
  for (let last = mountsBelow(root).at(-1); last; last = mountsBelow(root).at(-1)) umount(last, { detach: true })
  rmSync(root, { recursive: true })
})

const mountsBelow = (path: string) =>
  mountTable()
    .map(({ mountPoint }) => mountPoint)
    .filter((point) => point === path || point.startsWith(`${path}/`))

const open = (seen: readonly string[] = []) => UnbindableDirectories.open([directory], { seen })

test("what is mounted in the directory is in no copy, and the files of the directory are", () => {
  const directories = open()
  mount({ source: "test", target: join(directory, "one"), type: "tmpfs" })
  mkdirSync(join(root, "copy"))
  mount({ source: join(root, "host"), target: join(root, "copy"), flags: mountFlags.bind | mountFlags.recursive })
  expect(directories.holds(join(directory, "one"))).toBe(true)
  expect(mountsBelow(join(root, "copy"))).toEqual([join(root, "copy"), join(root, "copy/run/mounts")])
  expect(() => rmdirSync(join(root, "copy/run/mounts/two"))).not.toThrow()
  expect(() => rmdirSync(join(directory, "two"))).toThrow("ENOENT")
})

test("what is mounted in the directory, or in a copy of it, goes nowhere else", () => {
  open()
  mount({ source: "test", target: join(directory, "one"), type: "tmpfs" })
  mkdirSync(join(root, "copy"))
  mount({ source: join(root, "host"), target: join(root, "copy"), flags: mountFlags.bind | mountFlags.recursive })
  mount({ source: "test", target: join(root, "copy/run/mounts/two"), type: "tmpfs" })
  expect(mountsBelow(join(root, "peer")).some((point) => /one|two/.test(point))).toBe(false)
  expect(mountsBelow(join(directory, "two"))).toEqual([])
})

test("closing leaves nothing, neither here nor where the mounts around it are shared", () => {
  const before = mountsBelow(root)
  const directories = open()
  expect(mountsBelow(root)).not.toEqual(before)
  directories.close()
  expect(mountsBelow(root)).toEqual(before)
})

test("a directory in use stays as it is when it is closed, and is found again", () => {
  const first = open()
  const one = join(directory, "one")
  mount({ source: "test", target: one, type: "tmpfs" })
  first.close()
  const second = open()
  expect(second.holds(one)).toBe(true)
  expect(mountsBelow(directory)).toEqual([directory, directory, one])
  umount(one)
  second.close()
  expect(mountsBelow(directory)).toEqual([])
})

test("a directory in which an earlier build has mounts is left alone until they are gone", () => {
  const one = join(directory, "one")
  mount({ source: "test", target: one, type: "tmpfs" })
  const directories = open()
  expect(directories.holds(one)).toBe(false)
  directories.close()
  expect(mountsBelow(directory)).toEqual([one])
  umount(one)
  expect(open().holds(one)).toBe(true)
})

test("nothing is made unbindable where copies would have other files: on an unbindable mount of somebody else's", () => {
  const host = join(root, "host")
  mount({ source: "none", target: host, flags: mountFlags.unbindable })
  expect(open().holds(join(directory, "one"))).toBe(false)
  expect(liesOn(directory, otherUnbindable())).toBe(true)
  mount({ source: "none", target: host, flags: mountFlags.private })
  const data = join(root, "data")
  mkdirSync(data)
  mount({ source: "test", target: data, type: "tmpfs" })
  mount({ source: "none", target: data, flags: mountFlags.unbindable })
  expect(open([data]).holds(join(directory, "one"))).toBe(false)
  expect(open([root]).holds(join(directory, "one"))).toBe(true)
})

test("only the unbindable mounts of others are told as such", () => {
  open()
  const data = join(root, "data")
  mkdirSync(data)
  mount({ source: "test", target: data, type: "tmpfs" })
  mount({ source: "none", target: data, flags: mountFlags.unbindable })
  expect(otherUnbindable().filter((point) => point.startsWith(root))).toEqual([data])
  expect(liesOn(join(data, "file"), [data])).toBe(true)
  expect(liesOn(`${data}base`, [data])).toBe(false)
})
