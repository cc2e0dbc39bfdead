import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readDirectory } from "./directory.ts"
import {
  closeDescriptor,
  fileTypes,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  makeSymlinkAt,
  nextData,
  openAt,
  openAt2,
  openFlags,
  readLinkAt,
  renameAt,
  resolveFlags,
  setTimesAt,
  truncate,
  unlinkAt,
  writeAll,
} from "./files.ts"
import { findAt, statAt, statDescriptor } from "./stat.ts"
import { getXattr, listXattrs, pathWithin, setXattr } from "./xattr.ts"

const scratch = mkdtempSync(join(tmpdir(), "files-test-"))
let root: number
beforeAll(() => {
  mkdirSync(join(scratch, "root/etc"), { recursive: true })
  writeFileSync(join(scratch, "root/etc/passwd"), "inside")
  symlinkSync("/etc/passwd", join(scratch, "root/absolute"))
  symlinkSync("../../../../etc/passwd", join(scratch, "root/relative"))
  root = openAt(-100, join(scratch, "root"), openFlags.directory)
})
afterAll(() => {
  closeDescriptor(root)
  rmSync(scratch, { recursive: true })
})
const code = (work: () => unknown): string | undefined => {
  try {
    work()
  } catch (error) {
    return (error as { code?: string }).code
  }
}

test("paths resolved in a root do not leave it, whatever links say", () => {
  for (const path of ["absolute", "relative", "/etc/passwd", "../../etc/passwd"]) {
    const descriptor = openAt2(root, path, openFlags.readonly, resolveFlags.inRoot)
    expect(readFileSync(descriptor, "utf8")).toBe("inside")
    closeDescriptor(descriptor)
  }
})

test("paths resolved beneath a directory are refused when they lead out", () => {
  expect(code(() => openAt2(root, "absolute", 0, resolveFlags.beneath))).toBe("EXDEV")
  expect(code(() => openAt2(root, "absolute", 0, resolveFlags.noSymlinks))).toBe("ELOOP")
})

test("a path that is too long is refused, not cut", () => {
  expect(code(() => openAt(root, "x/".repeat(3000), 0))).toBe("ENAMETOOLONG")
  expect(code(() => openAt(root, Buffer.alloc(5000, "y"), 0))).toBe("ENAMETOOLONG")
})

test("names that are not UTF-8 are kept byte by byte", () => {
  const name = Buffer.from([0x62, 0xff, 0xfe])
  makeSymlinkAt(Buffer.from([0xf0, 0x2f]), root, name)
  expect(readLinkAt(root, name)).toEqual(Buffer.from([0xf0, 0x2f]))
  expect(readDirectory(root).some((entry) => entry.name.equals(name))).toBe(true)
  unlinkAt(root, name)
})

test("a directory of thousands of entries is read whole, twice", () => {
  makeDirectoryAt(root, "many", 0o700)
  const many = openAt(root, "many", openFlags.directory)
  for (let at = 0; at < 3000; at++) makeNodeAt(many, `entry-${at}`, fileTypes.fifo | 0o600)
  for (let turn = 0; turn < 2; turn++) expect(readDirectory(many).length).toBe(3000)
  closeDescriptor(many)
})

test("times are kept to the nanosecond, before the epoch too", () => {
  for (const time of [1_700_000_000_123_456_789n, -1n]) {
    setTimesAt(root, "absolute", time)
    expect(statAt(root, "absolute").mtime).toBe(time)
  }
})

test("the status tells type, links, owner and device", () => {
  makeNodeAt(root, "null", fileTypes.fifo | 0o600)
  linkAt(root, "null", root, "again")
  const status = statAt(root, "null")
  expect([status.mode & fileTypes.mask, status.links]).toEqual([fileTypes.fifo, 2])
  renameAt(root, "null", root, "renamed")
  expect(findAt(root, "null")).toBeUndefined()
  expect(findAt(root, "renamed")?.inode).toBe(BigInt(statSync(join(scratch, "root/renamed")).ino))
})

test("holes stay holes and data is found between them", () => {
  const descriptor = openAt(root, "sparse", openFlags.readwrite | openFlags.create, 0o600)
  writeAll(descriptor, Buffer.alloc(4096, 1), 1 << 20)
  truncate(descriptor, 1 << 22)
  expect(nextData(descriptor, 0)).toEqual({ start: 1 << 20, end: (1 << 20) + 4096 })
  expect(nextData(descriptor, 1 << 21)).toBeUndefined()
  expect(statDescriptor(descriptor).blocks).toBeLessThan(100)
  closeDescriptor(descriptor)
})

test("extended attributes of links and files are set, read and listed", () => {
  const path = pathWithin(root, "etc/passwd")
  try {
    setXattr(path, "user.test", Buffer.from("value"))
  } catch (error) {
    expect((error as { code?: string }).code).toBe("EOPNOTSUPP")
    return
  }
  setXattr(path, "user.empty", Buffer.alloc(0))
  expect(getXattr(path, "user.test")?.toString()).toBe("value")
  expect(getXattr(path, "user.empty")?.length).toBe(0)
  expect(getXattr(path, "user.absent")).toBeUndefined()
  expect(listXattrs(path).sort()).toEqual(["user.empty", "user.test"])
})
