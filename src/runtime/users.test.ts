import { afterAll, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { resolveUser } from "./users.ts"

const root = mkdtempSync(join(tmpdir(), "users-"))
afterAll(() => rmSync(root, { recursive: true }))
mkdirSync(join(root, "etc"))
writeFileSync(
  join(root, "etc/passwd"),
  "# a comment\nroot:x:0:0:root:/root:/bin/sh\nana:x:1000:100::/home/ana:/bin/sh\nbroken\n7:x:1007:1007::/seven:/bin/sh\n",
)
writeFileSync(join(root, "etc/group"), "root:x:0:\nusers:x:100:\nwheel:x:10:ana,root\naudio:x:29:ana\n")

test("no user is root, with root's groups", () => {
  expect(resolveUser(root, "")).toEqual({ uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" })
})

test("a name brings its groups and home, the primary group first", () => {
  expect(resolveUser(root, "ana")).toEqual({ uid: 1000, gid: 100, additionalGids: [100, 10, 29], home: "/home/ana" })
})

test("a number is a user ID even when a name looks like it", () => {
  expect(resolveUser(root, "7")).toEqual({ uid: 7, gid: 0, additionalGids: [0], home: "/" })
  expect(resolveUser(root, "1000").home).toBe("/home/ana")
})

test("a group in the user replaces all others; further groups are added", () => {
  expect(resolveUser(root, "ana:wheel")).toEqual({ uid: 1000, gid: 10, additionalGids: [10], home: "/home/ana" })
  expect(resolveUser(root, "5:6", ["audio", "44"])).toEqual({ uid: 5, gid: 6, additionalGids: [6, 29, 44], home: "/" })
})

test("unknown names and large numbers are refused in Docker's words", () => {
  expect(() => resolveUser(root, "nobody")).toThrow("unable to find user nobody: no matching entries in passwd file")
  expect(() => resolveUser(root, "0:nogroup")).toThrow(
    "unable to find group nogroup: no matching entries in group file",
  )
  expect(() => resolveUser(root, "0", ["nogroup"])).toThrow("Unable to find group nogroup")
  expect(() => resolveUser(root, "4294967295")).toThrow("uids and gids must be in range 0-2147483647")
})

test("a passwd file that would take long to read is refused, also when it is a pipe", () => {
  const other = mkdtempSync(join(tmpdir(), "users-"))
  try {
    mkdirSync(join(other, "etc"))
    writeFileSync(join(other, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n".repeat(100_000))
    expect(() => resolveUser(other, "root")).toThrow(
      "/etc/passwd in the container is not a readable file of at most 2 MiB",
    )
    rmSync(join(other, "etc/passwd"))
    execFileSync("mkfifo", [join(other, "etc/passwd")])
    expect(() => resolveUser(other, "root")).toThrow("is not a readable file")
  } finally {
    rmSync(other, { recursive: true })
  }
})

test("a passwd that is a link is followed inside the root only", () => {
  const other = mkdtempSync(join(tmpdir(), "users-"))
  try {
    mkdirSync(join(other, "etc"))
    symlinkSync("/etc/shadow-passwd", join(other, "etc/passwd"))
    expect(() => resolveUser(other, "root")).toThrow("unable to find user root")
    writeFileSync(join(other, "etc/shadow-passwd"), "root:x:0:0::/inside:/bin/sh\n")
    expect(resolveUser(other, "root").home).toBe("/inside")
    symlinkSync("../../../../../../etc/group", join(other, "etc/group"))
    expect(() => resolveUser(other, "0:root")).toThrow()
  } finally {
    rmSync(other, { recursive: true })
  }
})
