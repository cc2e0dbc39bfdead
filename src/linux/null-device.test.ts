import { expect, test } from "bun:test"
import { closeSync, fchownSync, fstatSync, openSync, readSync, statSync } from "node:fs"
import { NullDevices } from "./null-device.ts"

test("a null device reads as the end, can be opened again, and has nothing to do with the host's or with another", () => {
  using devices = new NullDevices()
  const [one, other] = [devices.open(), devices.open()]
  try {
    const host = statSync("/dev/null")
    expect(fstatSync(one)).toMatchObject({ rdev: host.rdev, uid: 0 })
    expect(fstatSync(one).mode).toBe(0o020666)
    expect(readSync(one, Buffer.alloc(10))).toBe(0)
    fchownSync(one, 1234, 1234)
    expect(statSync("/dev/null").uid).toBe(host.uid)
    expect(fstatSync(other).uid).toBe(0)
    const again = openSync(`/proc/self/fd/${one}`, "r+")
    expect(fstatSync(again).uid).toBe(1234)
    closeSync(again)
  } finally {
    closeSync(one)
    closeSync(other)
  }
})
