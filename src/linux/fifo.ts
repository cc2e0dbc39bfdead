import { closeSync, constants, openSync } from "node:fs"
import { setNonBlocking } from "./descriptor.ts"
import { check, cString, libc, types } from "./libc.ts"

const c = libc({ mkfifo: { args: [types.ptr, types.u32], returns: types.i32 } })

const cloexec = 0o2000000

/** mkfifo(3), mode 0600. @throws SystemError; EEXIST */
export function makeFifo(path: string): void {
  const name = cString(path)
  check(c.mkfifo(name, 0o600), "mkfifo", path)
}

/** A non-blocking reading end. Sees the end when there has been a writer and none is left. */
export const openFifoReader = (path: string): number =>
  openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | cloexec)

/** A non-blocking writing end. @throws ENXIO when nobody has it open for reading */
export const openFifoWriter = (path: string): number =>
  openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | cloexec)

/**
 * A blocking end for both directions, as a process's stdout: its holder counts as a reader too, so that its writes wait
 * instead of failing when nobody else reads (fifo(7)).
 */
export const openFifoBoth = (path: string): number => openSync(path, constants.O_RDWR | cloexec)

/** Both ends of a process's stdin: its blocking reading end, and our non-blocking writing end. */
export function openFifoInput(path: string): { readonly reader: number; readonly writer: number } {
  const reader = openFifoReader(path)
  try {
    const writer = openFifoWriter(path)
    setNonBlocking(reader, false)
    return { reader, writer }
  } catch (error) {
    closeSync(reader)
    throw error
  }
}
