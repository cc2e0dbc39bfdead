import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { Failure } from "../../errors/failure.ts"
import type { Container } from "./container.ts"

/**
 * Checkpoints of processes. None can be made yet: the requests are answered as by an engine that has made none.
 * @throws notImplemented telling what is missing
 */
export function createCheckpoint(container: Container): never {
  const why = hasCriu() ? "no OCI runtime here can do it for Barge yet" : "CRIU is not installed"
  throw new Failure("notImplemented", `Cannot checkpoint container ${container.id}: ${why}`)
}

/** @throws notFound in Docker's words */
export function deleteCheckpoint(container: Container, checkpoint: string): never {
  throw new Failure("notFound", `checkpoint ${checkpoint} does not exist for container ${container.name}`)
}

function hasCriu(): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, "criu"), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
