import { existsSync, mkdirSync, renameSync } from "node:fs"
import { rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { spawn } from "../linux/spawn.ts"
import type { RuntimeDriver } from "../runtime/contract.ts"
import type { Span } from "../trace/span.ts"
import type { CheckpointOrder } from "./contract.ts"
import type { ProcessRecord } from "./record.ts"

/**
 * Writes a task's processes to disk: beside the place that is asked for, then synced and renamed, so that what is there is
 * whole. Done here and not in the daemon: killed at the wrong moment it would lose processes that have ended for the sake of
 * their checkpoint.
 */
export async function writeCheckpoint(
  driver: RuntimeDriver,
  { io, id }: ProcessRecord,
  stateRoot: string,
  { directory, work, leaveRunning }: CheckpointOrder,
  span: Span,
): Promise<void> {
  if (io.terminal || !io.checkpointable)
    throw new Failure(
      "conflict",
      "it was started without stdio that can be given to it anew: stop it, and start it again under an experimental daemon",
    )
  if (existsSync(directory)) throw new Failure("alreadyExists", `${directory} is there already`)
  const image = join(dirname(directory), `.${id}.new`)
  await rm(image, { recursive: true, force: true })
  mkdirSync(image, { recursive: true, mode: 0o700 })
  try {
    await driver.checkpoint({ id, stateRoot, image, work, leaveRunning, span })
    await sync(image)
    renameSync(image, directory)
  } catch (error) {
    await rm(image, { recursive: true, force: true })
    throw error
  }
}

/** Writes the file system of `path` through to the disk, in a process of its own: it may take its time. */
async function sync(path: string): Promise<void> {
  const command = ["/bin/sync", "--file-system", path]
  const { exited } = spawn({ command, stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} })
  const code = await exited
  if (code !== 0) throw new Failure("internal", `writing ${path} to the disk failed: sync ended with ${code}`)
}
