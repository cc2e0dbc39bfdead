import { closeSync, openSync, rmSync } from "node:fs"
import { mount, mountFlags } from "./mount.ts"
import { withWaitingProcess } from "./waiting-process.ts"

/** Namespaces that can be made before a process is to be in them (namespaces(7)); a PID namespace ends with its first process. */
const kinds = { ipc: 0x0800_0000, uts: 0x0400_0000 } as const

/**
 * Makes a Linux namespace and binds it to a new file at `path`, so that it stays: until the file is unmounted and no process is in it.
 * @throws SystemError; then nothing is at `path`
 */
export async function makeKeptNamespace(kind: keyof typeof kinds, path: string): Promise<void> {
  closeSync(openSync(path, "wx", 0o444))
  try {
    await withWaitingProcess(`namespace-${kind}`, [["unshare", kinds[kind]]], (pid) =>
      mount({ source: `/proc/${pid}/ns/${kind}`, target: path, flags: mountFlags.bind }),
    )
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}
