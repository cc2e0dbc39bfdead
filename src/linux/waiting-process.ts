import { closeSync, read } from "node:fs"
import { promisify } from "node:util"
import { pipe } from "./descriptor.ts"
import { SystemError } from "./libc.ts"
import { memoryProgram } from "./memory-file.ts"
import { spawn } from "./spawn.ts"
import type { SystemCall } from "./syscall-image.ts"
import { waitingProgram } from "./syscall-program.ts"

const readAsync = promisify(read)

/**
 * Does `work` while a process lives that has made `calls`: what exists only as long as a process is in it can be kept
 * meanwhile. The process ends afterwards.
 * @param name shown in /proc
 * @throws SystemError when one of the calls fails
 */
export async function withWaitingProcess<T>(
  name: string,
  calls: readonly SystemCall[],
  work: (pid: number) => T,
): Promise<T> {
  const [reader, writer] = pipe()
  using program = memoryProgram(name, waitingProgram(calls))
  try {
    const child = spawn({ command: [program.path], stdin: "ignore", stdout: writer, stderr: "ignore", env: {} })
    closeSync(writer)
    try {
      const { bytesRead } = await readAsync(reader, Buffer.alloc(1), 0, 1, null)
      if (bytesRead === 0) throw new SystemError(name, await child.exited)
      return work(child.pid)
    } finally {
      process.kill(child.pid, "SIGKILL")
      await child.exited
    }
  } finally {
    closeSync(reader)
  }
}
