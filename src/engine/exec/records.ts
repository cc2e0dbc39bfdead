import type { ExecCreateRequest } from "../../api/exec.ts"
import type { Container } from "../containers/container.ts"
import type { ContainerContext } from "../containers/context.ts"

/** An exec of the engine: lives in memory, as long as its container's run. */
export interface ExecRecord {
  readonly id: string
  readonly containerId: string
  readonly request: ExecCreateRequest
  readonly detachKeys: Uint8Array
  status: "created" | "starting" | "running" | "ended"
  pid: number
  exitCode: number | null
  /** Resolves when the process runs, or could not be started. */
  readonly started: PromiseWithResolvers<void>
  /** Resolves when it has ended and its exit code is known. */
  readonly ended: PromiseWithResolvers<void>
}

/** Every exec by ID. */
export type ExecRecords = Map<string, ExecRecord>

/** Forgets a container's execs that never ran when its run ends; those that did keep their exit code until the next one. */
export function endExecs(context: ContainerContext, container: Container): void {
  for (const id of container.execIds) {
    const record = context.execs.get(id)
    if (!record) continue
    if (container.removed || record.status === "created") {
      context.execs.delete(id)
      container.execIds.delete(id)
    } else if (record.status === "running" || record.status === "starting") {
      record.status = "ended"
      record.exitCode ??= 137
      record.ended.resolve()
    }
  }
}

/** Forgets the execs of earlier runs when a new one begins. */
export function forgetExecs(context: ContainerContext, container: Container): void {
  for (const id of container.execIds) context.execs.delete(id)
  container.execIds.clear()
}
