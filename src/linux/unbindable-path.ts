import { realpathSync } from "node:fs"
import { check, cString, libc, types } from "./libc.ts"
import { mountFlags } from "./mount.ts"
import { liesOn, otherUnbindable } from "./unbindable-directories.ts"

const { i32, i64, ptr, u32 } = types
const c = libc({
  statx: { args: [i32, ptr, i32, u32, ptr], returns: i32 },
  syscall: { args: [i64, ptr, ptr, i64, i64], returns: i64 },
})

const AT_FDCWD = -100
const STATX_MNT_ID_UNIQUE = 0x4000
/** The same number on every architecture; since Linux 6.8. */
const SYS_statmount = 457
const STATMOUNT_MNT_BASIC = 2n

/**
 * Whether `path` lies on an unbindable mount or below one: copies of the mount table have other files in its place, or none.
 * Asks the kernel for each mount on the way to the root; before Linux 6.8 reads the whole table, of which mounts in
 * directories that are unbindable for our own purposes do not count.
 * @throws SystemError when there is no such path
 */
export function isOutOfCopies(path: string): boolean {
  const mount = mountOf(path)
  const answer = mount === undefined ? undefined : isBelowUnbindable(mount)
  return answer ?? liesOn(realpathSync(path), otherUnbindable())
}

/** The number of the mount that `path` lies on, never used for another; undefined when the kernel has none. */
function mountOf(path: string): bigint | undefined {
  const name = cString(path)
  const answer = Buffer.alloc(256)
  check(c.statx(AT_FDCWD, name, 0, STATX_MNT_ID_UNIQUE, answer), "statx", path)
  return answer.readUInt32LE(0) & STATX_MNT_ID_UNIQUE ? answer.readBigUInt64LE(144) : undefined
}

/** @returns undefined when the kernel does not say */
function isBelowUnbindable(mount: bigint): boolean | undefined {
  const request = Buffer.alloc(24)
  const answer = Buffer.alloc(512)
  request.writeUInt32LE(request.length, 0)
  request.writeBigUInt64LE(STATMOUNT_MNT_BASIC, 16)
  for (let current = mount; ; ) {
    request.writeBigUInt64LE(current, 8)
    if (Number(c.syscall(SYS_statmount, request, answer, answer.length, 0)) !== 0) return undefined
    if (answer.readBigUInt64LE(72) & BigInt(mountFlags.unbindable)) return true
    const parent = answer.readBigUInt64LE(48)
    if (parent === current) return false
    current = parent
  }
}
