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

test("a user among tens of thousands is found as among few, with the groups of that name alone", () => {
  const other = mkdtempSync(join(tmpdir(), "users-"))
  try {
    mkdirSync(join(other, "etc"))
    const numbers = Array.from({ length: 20_000 }, (_, at) => at)
    const passwd = numbers.map((at) => `u${at}:x:${at}:${at + 1}:of 7:/home/u${at}:/bin/sh`)
    writeFileSync(join(other, "etc/passwd"), passwd.join("\n"))
    const group = numbers.map((at) => `g${at}:x:${at}:${at % 5000 === 7 ? `u17000,u${at}` : "u1700,u170000"}`)
    writeFileSync(join(other, "etc/group"), group.join("\n"))
    const own = { uid: 17000, gid: 17001, additionalGids: [17001, 7, 5007, 10007, 15007], home: "/home/u17000" }
    expect(resolveUser(other, "u17000")).toEqual(own)
    expect(resolveUser(other, "17000")).toEqual(own)
    expect(resolveUser(other, "19999").home).toBe("/home/u19999")
    expect(resolveUser(other, "0:g12345").gid).toBe(12345)
    const added = ["g19999", "12", "g0", "g19999"]
    expect(resolveUser(other, "5:6", added).additionalGids).toEqual([6, 19999, 12, 0])
    expect(() => resolveUser(other, "u1700")).toThrow("user u1700 is in more than 10000 groups")
  } finally {
    rmSync(other, { recursive: true })
  }
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
