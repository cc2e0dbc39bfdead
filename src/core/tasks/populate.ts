import { execFile } from "node:child_process"
import { realpathSync, statSync } from "node:fs"
import { opendir } from "node:fs/promises"
import { promisify } from "node:util"
import { Failure } from "../../errors/failure.ts"
import { AT_FDCWD, closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "../../linux/files.ts"
import type { Span } from "../../trace/span.ts"

const run = promisify(execFile)

/**
 * Gives an empty volume what the image holds at its mount point, with owners, modes, times and attributes: what a user
 * of a database image expects of its first start. A volume that holds anything is left alone.
 */
export async function populateVolume(root: string, destination: string, volume: string, span: Span): Promise<void> {
  if (!statSync(volume).isDirectory() || (await holdsAnything(volume))) return
  const source = directoryInRoot(root, destination)
  if (!source) return
  span.set({ from: destination })
  try {
    await run("cp", ["-a", "--no-target-directory", "--", source, volume])
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    throw new Failure("internal", `filling the volume at ${destination} from the image: ${stderr || message}`, error)
  }
}

/** Whether a directory has an entry: of a large one only the first is read. */
async function holdsAnything(directory: string): Promise<boolean> {
  await using entries = await opendir(directory)
  return (await entries.read()) !== null
}

/** The host's path of the directory `path` within `root`, links resolved as the container would; undefined when there is none. */
function directoryInRoot(root: string, path: string): string | undefined {
  const rootDescriptor = openAt(AT_FDCWD, root, openFlags.path | openFlags.directory)
  try {
    const opened = openAt2(rootDescriptor, path, openFlags.path | openFlags.directory, resolveFlags.inRoot)
    try {
      return realpathSync(`/proc/self/fd/${opened}`)
    } finally {
      closeDescriptor(opened)
    }
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined
    throw error
  } finally {
    closeDescriptor(rootDescriptor)
  }
}
