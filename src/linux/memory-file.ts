import { closeSync, ftruncateSync, writeSync } from "node:fs"
import { check, cString, libc, types } from "./libc.ts"

const c = libc({
  memfd_create: { args: [types.ptr, types.u32], returns: types.i32 },
  fcntl: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
})

const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const MFD_EXEC = 0x10
const F_ADD_SEALS = 1033
const allSeals = 0xf

/** A program that lives in memory only. Disposing lets go of it; processes that run it keep it. */
export interface MemoryProgram extends Disposable {
  /** What to execute it by, for this process's children. */
  readonly path: string
}

/**
 * Puts a program into a file without a name (memfd_create(2)) and seals it: nobody can change it any more, not even root.
 * @param name shown in /proc
 * @throws SystemError where the system forbids programs in memory (sysctl vm.memfd_noexec)
 */
export function memoryProgram(name: string, bytes: Uint8Array): MemoryProgram {
  const label = cString(name)
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING
  // Kernels before 6.3 do not know MFD_EXEC, and need none.
  const asked = c.memfd_create(label, flags | MFD_EXEC)
  const descriptor = asked >= 0 ? asked : check(c.memfd_create(label, flags), "memfd_create", name)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    check(c.fcntl(descriptor, F_ADD_SEALS, allSeals), "fcntl(F_ADD_SEALS)", name)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return { path: `/proc/${process.pid}/fd/${descriptor}`, [Symbol.dispose]: () => closeSync(descriptor) }
}

/**
 * A file without a name that lives in memory, `size` bytes of zeros (memfd_create(2)).
 * @param name shown in /proc
 * @returns its descriptor, close-on-exec; the caller's to close
 * @throws SystemError
 */
export function memoryFile(name: string, size: number): number {
  const label = cString(name)
  const descriptor = check(c.memfd_create(label, MFD_CLOEXEC), "memfd_create", name)
  ftruncateSync(descriptor, size)
  return descriptor
}

/**
 * A file's content as memory: what is written to it is in the file at once, also when this process is killed with the next
 * instruction. It stays mapped as long as the result is referenced.
 * @throws when the file cannot be mapped
 */
export function mapFile(descriptor: number): Buffer {
  const mapped = Bun.mmap(`/proc/self/fd/${descriptor}`, { shared: true })
  return Buffer.from(mapped.buffer, mapped.byteOffset, mapped.length)
}
