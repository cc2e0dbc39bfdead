import type { Process } from "../../oci/runtime-spec.ts"
import type { AttachOptions, AttachStream, ExitRecord, IoConfig } from "../../shim/contract.ts"
import type { Scope } from "../scope.ts"
import type { TaskService } from "../tasks/contract.ts"

/** A further process to be run in a running container. */
export interface ExecRequest {
  readonly containerId: string
  /** One that the container has not had since it was started. */
  readonly execId: string
  /** Makes up what runs, while the shim opens streams. */
  readonly process: () => Promise<Process> | Process
  readonly io: IoConfig
  /** The streams to read and to write; absent: none. */
  readonly attach?: Pick<AttachOptions, "stdin" | "stdout" | "stderr" | "role">
  /** Called when everything is ready, immediately before the process is started. */
  readonly starting?: () => void
}

/** A further process that has been started. Disposing closes its stream; the process goes on. */
export interface RunningExec extends AsyncDisposable {
  /** On the host. */
  readonly pid: number
  /** Present when it was asked for. */
  readonly stream?: AttachStream
  /** Resolves with the end of the process; output may follow. Its records are released then. */
  readonly ended: Promise<ExitRecord>
}

/**
 * Starts a further process in a running container, its streams attached before it runs: no output is missed. Nothing is left when it fails.
 * @throws notFound, conflict when the container does not run · failures of the runtime, in Docker's words
 */
export async function startExec(tasks: TaskService, scope: Scope, request: ExecRequest): Promise<RunningExec> {
  const { containerId, execId, io, attach } = request
  const forget = () => tasks.forgetExec(scope, containerId, execId).catch(() => {})
  await using opened = new AsyncDisposableStack()
  opened.defer(async () => {
    try {
      // It runs where the shim was killed before it could say so.
      await tasks.kill(scope, containerId, 9, { execId })
      void tasks.waitExec(scope, containerId, execId).then(forget, () => {})
    } catch {
      await forget()
    }
  })
  const open = tasks.openExec(scope, containerId, execId, io)
  const making = (async () => await request.process())()
  // Told when the streams are open: clients that are attached see it.
  making.catch(() => {})
  await open
  const stream = attach && opened.use(await tasks.attach(scope, { ...attach, id: containerId, execId }))
  request.starting?.()
  const { pid } = await tasks.exec(scope, containerId, execId, await making, io)
  const ended = tasks.waitExec(scope, containerId, execId)
  // What the shim cannot be told now goes with the container's task.
  void ended.then(forget, () => {})
  opened.move()
  return {
    pid,
    ended,
    ...(stream ? { stream } : {}),
    [Symbol.asyncDispose]: async () => await stream?.[Symbol.asyncDispose](),
  }
}
