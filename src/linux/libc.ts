import { dlopen, type FFIFunction, FFIType, type Pointer, read } from "bun:ffi"
import { errnoName } from "./errno.ts"

/**
 * The calling convention of every module in this folder. Hazards it rules out (Bun's FFI does not check them):
 * pass typed arrays and Buffers themselves, never `ptr(temporary)`; keep every buffer in a live variable across the
 * call, nested ones too; read errno directly after the call, on the same thread.
 */
export const types = FFIType

/** Opens `functions` of the C library (glibc or musl, whichever the host has). */
export function libc<F extends Record<string, FFIFunction>>(functions: F) {
  let failure: unknown
  for (const name of ["libc.so.6", process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1"]) {
    try {
      return dlopen(name, functions).symbols
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

const own = libc({ __errno_location: { args: [], returns: FFIType.ptr } })
const errnoAt = own.__errno_location() as Pointer

/** The calling thread's errno. Meaningful only directly after a call that failed. Each Worker loads its own copy of this module. */
export const errno = (): number => read.i32(errnoAt, 0)

/** A kernel refusal, with the errno's name in `code` (`ENOENT`, `EBUSY`, …) as Node's own errors have it. */
export class SystemError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  constructor(syscall: string, number: number, subject?: string) {
    const code = errnoName(number)
    super(`${syscall}${subject ? ` ${subject}` : ""}: ${code}`)
    this.name = "SystemError"
    this.code = code
    this.errno = number
    this.syscall = syscall
  }
}

/**
 * Checks the result of a call that reports failure as -1.
 * @throws SystemError naming the call and its subject
 */
export function check(result: number | bigint, syscall: string, subject?: string): number {
  const number = Number(result)
  if (number < 0) throw new SystemError(syscall, errno(), subject)
  return number
}

/**
 * A NUL-terminated copy of a path or word. Keep it in a variable for the length of the call.
 * @throws SystemError EINVAL for text with a NUL inside, which the kernel would take for something shorter
 */
export function cString(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text as Uint8Array)
  if (bytes.includes(0)) throw new SystemError("cString", EINVAL, JSON.stringify(bytes.toString()))
  return Buffer.concat([bytes, terminator])
}

const terminator = Buffer.of(0)
const EINVAL = 22
