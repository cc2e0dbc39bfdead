import { execFile } from "node:child_process"
import { readdirSync, realpathSync, rmSync, statSync } from "node:fs"
import { opendir } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { Failure } from "../../errors/failure.ts"
import { roomAdvice } from "../../errors/no-room.ts"
import { AT_FDCWD, closeDescriptor, openAt, openAt2, openFlags, resolveFlags } from "../../linux/files.ts"
import type { Span } from "../../trace/span.ts"

const run = promisify(execFile)

/**
 * Gives an empty volume what the image holds at its mount point, with owners, modes, times and attributes: what a user
 * of a database image expects of its first start. A volume that holds anything is left alone, and one whose filling
 * failed is empty again: half of what the image holds would be taken for all of it at the next start.
 */
export class VolumeFilling {
  /** Fillings under way, by device and inode of the volume's directory. */
  readonly #running = new Map<string, Promise<void>>()

  /**
   * Fills a volume, after others that are filling the same one.
   * @param root the container's root on the host @param destination the mount point in it @param volume a path on the host
   * @throws noSpace; internal
   */
  async fill(root: string, destination: string, volume: string, span: Span): Promise<void> {
    const { dev, ino } = statSync(volume)
    const key = `${dev}:${ino}`
    const earlier = this.#running.get(key) ?? Promise.resolve()
    const filling = earlier.catch(() => {}).then(() => fill(root, destination, volume, span))
    this.#running.set(key, filling)
    try {
      await filling
    } finally {
      if (this.#running.get(key) === filling) this.#running.delete(key)
    }
  }
}

async function fill(root: string, destination: string, volume: string, span: Span): Promise<void> {
  if (!statSync(volume).isDirectory() || (await holdsAnything(volume))) return
  const source = directoryInRoot(root, destination)
  if (!source) return
  span.set({ from: destination })
  try {
    await run("cp", ["-a", "--no-target-directory", "--", source, volume], { env: { ...process.env, LC_ALL: "C" } })
  } catch (error) {
    for (const name of readdirSync(volume)) rmSync(join(volume, name), { recursive: true, force: true })
    throw fillingFailure(destination, error)
  }
}

function fillingFailure(destination: string, error: unknown): Failure {
  const { stderr, message } = error as { stderr?: string; message: string }
  const why = `filling the volume at ${destination} from the image: ${(stderr || message).trim()}`
  const full = { "No space left on device": "ENOSPC", "Disk quota exceeded": "EDQUOT" }
  const code = Object.entries(full).find(([words]) => why.includes(words))?.[1]
  if (!code) return new Failure("internal", why, error)
  const cause = Object.assign(new Error(why), { code })
  return new Failure("noSpace", `${why}; the volume is empty again; ${roomAdvice(cause)}`, cause)
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
