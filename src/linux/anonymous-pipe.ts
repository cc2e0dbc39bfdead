import { closeSync, constants, fstatSync, openSync, readlinkSync } from "node:fs"
import { pipe, setNonBlocking } from "./descriptor.ts"
import { openFlags } from "./files.ts"

/**
 * A pipe without a name for a process's output: our non-blocking reading end, and the process's blocking one for both
 * directions, whose holder counts as a reader too: its writes wait instead of failing when nobody else reads. Opening a
 * pipe by its place in /proc is what gives such an end.
 */
export function openOutputPipe(): { readonly reader: number; readonly both: number } {
  const [reader, writer] = pipe()
  try {
    setNonBlocking(reader, true)
    return { reader, both: openSync(`/proc/self/fd/${writer}`, constants.O_RDWR | openFlags.closeOnExec) }
  } catch (error) {
    closeSync(reader)
    throw error
  } finally {
    closeSync(writer)
  }
}

/** A pipe without a name for a process's stdin: its blocking reading end, and our non-blocking writing end. */
export function openInputPipe(): { readonly reader: number; readonly writer: number } {
  const [reader, writer] = pipe()
  setNonBlocking(writer, true)
  return { reader, writer }
}

/** What tells a pipe from every other: its inode, decimal. */
export const pipeIdentity = (descriptor: number): string => fstatSync(descriptor, { bigint: true }).ino.toString()

/**
 * Another end, non-blocking, of a pipe that a process has open.
 * @param identity of the pipe: the process may have something else there by now
 * @returns undefined when it has not that pipe there, or is gone
 */
export function openPipeOf(
  pid: number,
  descriptor: number,
  identity: string,
  end: "read" | "write",
): number | undefined {
  try {
    // The process may put another file there at any moment, one that never answers too: nothing is opened before it is known.
    const found = openSync(`/proc/${pid}/fd/${descriptor}`, openFlags.path | openFlags.closeOnExec)
    try {
      const path = `/proc/self/fd/${found}`
      if (readlinkSync(path) !== `pipe:[${identity}]`) return undefined
      const direction = end === "read" ? constants.O_RDONLY : constants.O_WRONLY
      return openSync(path, direction | constants.O_NONBLOCK | openFlags.closeOnExec)
    } finally {
      closeSync(found)
    }
  } catch (error) {
    const { code } = error as { code?: string }
    // ENXIO: nobody reads any more.
    if (code === "ENOENT" || code === "ESRCH" || code === "ENXIO" || code === "EACCES") return undefined
    throw error
  }
}
