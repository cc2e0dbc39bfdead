import type { PathBytes } from "./files.ts"
import { check, cString, libc, SystemError, types } from "./libc.ts"

const { ptr, i32, u64, i64 } = types
const c = libc({
  lgetxattr: { args: [ptr, ptr, ptr, u64], returns: i64 },
  lsetxattr: { args: [ptr, ptr, ptr, u64, i32], returns: i32 },
  llistxattr: { args: [ptr, ptr, u64], returns: i64 },
  lremovexattr: { args: [ptr, ptr], returns: i32 },
  fgetxattr: { args: [i32, ptr, ptr, u64], returns: i64 },
  fsetxattr: { args: [i32, ptr, ptr, u64, i32], returns: i32 },
  flistxattr: { args: [i32, ptr, u64], returns: i64 },
})

/** The largest value, and the longest list of names, that the kernel gives (XATTR_SIZE_MAX, XATTR_LIST_MAX). Bytes. */
export const largestXattr = 65536

/** An open file, or a path whose last component is not followed when it is a symbolic link. */
export type XattrSubject = number | PathBytes

/** The path of `name` within an open directory: the l*xattr calls know no descriptors of directories. */
export function pathWithin(directory: number, name: PathBytes): Uint8Array {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), Buffer.from(name as Uint8Array)])
}

const value = Buffer.alloc(largestXattr)

/** The value of an attribute. @returns undefined when there is none, or the file system has no attributes @throws SystemError */
export function getXattr(subject: XattrSubject, name: string): Buffer | undefined {
  const key = cString(name)
  let length: number | bigint
  if (typeof subject === "number") length = c.fgetxattr(subject, key, value, value.length)
  else {
    const path = cString(subject)
    length = c.lgetxattr(path, key, value, value.length)
  }
  if (Number(length) < 0) {
    try {
      check(length, "getxattr", name)
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw error
    }
  }
  return Buffer.from(value.subarray(0, Number(length)))
}

/** Sets an attribute. @throws SystemError; EOPNOTSUPP where the file system has none */
export function setXattr(subject: XattrSubject, name: string, content: Uint8Array): void {
  const key = cString(name)
  const bytes = content.length ? content : none
  if (typeof subject === "number") {
    check(c.fsetxattr(subject, key, bytes, content.length, 0), "setxattr", name)
    return
  }
  const path = cString(subject)
  check(c.lsetxattr(path, key, bytes, content.length, 0), "setxattr", name)
}

/** The names of all attributes that the caller may see. Empty where the file system has none. @throws SystemError */
export function listXattrs(subject: XattrSubject): string[] {
  let length: number | bigint
  if (typeof subject === "number") length = c.flistxattr(subject, value, value.length)
  else {
    const path = cString(subject)
    length = c.llistxattr(path, value, value.length)
  }
  if (Number(length) < 0) {
    try {
      check(length, "listxattr")
    } catch (error) {
      if (isAbsence(error)) return []
      throw error
    }
  }
  return value.toString("utf8", 0, Number(length)).split("\0").filter(Boolean)
}

/** Removes an attribute; one that is not there is no error. @throws SystemError */
export function removeXattr(path: PathBytes, name: string): void {
  const key = cString(name)
  const bytes = cString(path)
  try {
    check(c.lremovexattr(bytes, key), "removexattr", name)
  } catch (error) {
    if (!isAbsence(error)) throw error
  }
}

const none = Buffer.alloc(1)
const isAbsence = (error: unknown): boolean =>
  error instanceof SystemError && (error.code === "ENODATA" || error.code === "EOPNOTSUPP" || error.code === "ENOTSUP")
