import { createWriteStream, renameSync, rmSync, statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { newId, shortId } from "../std/id.ts"
import { Exit } from "./command.ts"
import { writeFailure } from "./write-failure.ts"

/** Where `--output` of a command goes. */
export interface OutputFile {
  /** Writes the file, which appears only when it is complete. */
  write(bytes: AsyncIterable<Uint8Array>): Promise<void>
}

/**
 * Checks that a file can be written at `path` before anything is asked of the daemon.
 * @param task what fails otherwise, for the message: `failed to save image`
 * @throws Exit 1 in docker's words
 */
export function outputFile(path: string, task: string): OutputFile {
  const wrong = (what: string) => new Exit(1, `${task}: ${what}`)
  const folder = dirname(path)
  const parent = statSync(folder, { throwIfNoEntry: false })
  if (!parent) throw wrong(`invalid output path: stat ${folder}: no such file or directory`)
  if (!parent.isDirectory()) throw wrong(`invalid output path: stat ${folder}: not a directory`)
  const existing = statSync(path, { throwIfNoEntry: false })
  if (existing?.isDirectory()) throw wrong("cannot write to a directory")
  if (existing?.isFIFO()) throw wrong("cannot write to a named pipe (FIFO)")
  if (existing?.isSocket()) throw wrong("cannot write to a socket")
  if (existing?.isBlockDevice()) throw wrong("cannot write to a block device file")
  if (existing?.isCharacterDevice()) {
    if (path !== "/dev/null") throw wrong("cannot write to a character device file")
    return { write: (bytes) => pipeline(bytes, createWriteStream(path)) }
  }
  const temporary = join(folder, `.tmp-${basename(path)}${shortId(newId())}`)
  return {
    write: async (bytes) => {
      try {
        await pipeline(bytes, createWriteStream(temporary, { mode: 0o600 }))
        renameSync(temporary, path)
      } catch (error) {
        rmSync(temporary, { force: true })
        throw writeFailure(path, error)
      }
    },
  }
}
