import { expect, test } from "bun:test"
import { mountFlags } from "./mount.ts"
import { parseMountOptions } from "./mount-options.ts"
import { mountHolding, mountTable } from "./mount-table.ts"

test("mount options are told apart into flags, propagation and what is the file system's", () => {
  expect(parseMountOptions("")).toEqual({ flags: 0, propagation: 0, data: "" })
  expect(parseMountOptions("defaults,ro,noexec,size=1m,uid=1000")).toEqual({
    flags: mountFlags.readonly | mountFlags.noexec,
    propagation: 0,
    data: "size=1m,uid=1000",
  })
  expect(parseMountOptions("bind,rslave")).toEqual({
    flags: mountFlags.bind,
    propagation: mountFlags.slave | mountFlags.recursive,
    data: "",
  })
})

test("the last of two opposite options counts, and no name of an object's own is an option", () => {
  expect(parseMountOptions("ro,rw").flags).toBe(0)
  expect(parseMountOptions("exec,noexec").flags).toBe(mountFlags.noexec)
  expect(parseMountOptions("constructor,toString").data).toBe("constructor,toString")
})

const table = mountTable(
  [
    "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    "30 27 0:30 / /a rw master:2 - tmpfs tmpfs rw",
    "31 30 0:31 / /a/with\\040blank rw - tmpfs tmpfs rw",
    "32 27 0:32 / /a rw shared:3 master:2 - tmpfs tmpfs rw",
    "33 27 254:0 /srv/b /b/unbindable rw unbindable - ext4 /dev/vda rw",
    "",
  ].join("\n"),
)

test("a mount table tells points and propagation", () => {
  const none = { shared: false, slave: false, unbindable: false }
  expect(table[0]).toEqual({ ...none, mountPoint: "/", tree: "254:0 /", shared: true })
  expect(table[1]).toEqual({ ...none, mountPoint: "/a", tree: "0:30 /", slave: true })
  expect(table[4]).toEqual({ ...none, mountPoint: "/b/unbindable", tree: "254:0 /srv/b", unbindable: true })
  expect(table[2]!.mountPoint).toBe("/a/with blank")
})

test("a path lies on the deepest mount above it, the latest where several are on one point", () => {
  expect(mountHolding("/b/c", table)?.mountPoint).toBe("/")
  expect(mountHolding("/a/with blank/x", table)?.mountPoint).toBe("/a/with blank")
  expect(mountHolding("/a/x", table)).toMatchObject({ mountPoint: "/a", shared: true, slave: true })
  expect(mountHolding("/ab", table)?.mountPoint).toBe("/")
})
