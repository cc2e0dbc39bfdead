import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { Container } from "./container.ts"

const run = promisify(execFile)

/**
 * Checkpoints of processes. None can be made yet: the requests are answered as by an engine that has made none.
 * @throws notImplemented telling what is missing
 */
export async function createCheckpoint(container: Container): Promise<never> {
  const why = (await criuFault()) ?? "no OCI runtime here can do it for Barge yet"
  throw new Failure("notImplemented", `Cannot checkpoint container ${container.id}: ${why}`)
}

/** @throws notFound in Docker's words */
export function deleteCheckpoint(container: Container, checkpoint: string): never {
  throw new Failure("notFound", `checkpoint ${checkpoint} does not exist for container ${container.name}`)
}

/** Why CRIU cannot be used: it is not there, or says itself that it does not know this kernel; undefined when it can. */
async function criuFault(): Promise<string | undefined> {
  try {
    await run("criu", ["check"])
    return undefined
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string }
    if (code === "ENOENT") return "CRIU is not installed"
    const said = `${stdout}${stderr}`.split("\n").find((line) => line.trim() !== "") ?? messageOf(error)
    return `CRIU cannot work on this host; its check says: ${said.trim()}`
  }
}
