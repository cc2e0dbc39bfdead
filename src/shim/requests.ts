import { Failure } from "../errors/failure.ts"
import { nowNanos } from "../std/clock.ts"
import type { Span } from "../trace/span.ts"
import type { CheckpointOrder, ExecStart, IoConfig, LogConfig, RestoreRequest, RunRequest } from "./contract.ts"
import type { WireRequest } from "./protocol.ts"
import type { Supervisor } from "./supervisor.ts"

interface Target {
  readonly id: string
  readonly execId?: string
}

/** What each request does, by its method's name. @returns the answer's result */
const methods: Readonly<Record<string, (supervisor: Supervisor, params: never, span: Span) => unknown>> = {
  tasks: (supervisor) => supervisor.tasks(),
  open: (supervisor, { id, execId, io, log }: Target & { io: IoConfig; log: LogConfig }) =>
    supervisor.open(id, io, log, execId),
  run: (supervisor, request: RunRequest, span) => supervisor.launch(request, "run", span),
  create: (supervisor, request: RunRequest, span) => supervisor.launch(request, "create", span),
  start: (supervisor, { id }: Target, span) => supervisor.start(id, span),
  restore: (supervisor, request: RestoreRequest, span) => supervisor.launch(request, "restore", span),
  checkpoint: (supervisor, order: CheckpointOrder, span) => supervisor.checkpoint(order, span),
  exec: (supervisor, request: ExecStart, span) => supervisor.exec(request, span),
  kill: (supervisor, { id, execId, signal }: Target & { signal: number }) => supervisor.get(id, execId).kill(signal),
  resize: (supervisor, { id, execId, size }: Target & { size: { height: number; width: number } }) =>
    supervisor.get(id, execId).io.resize(size),
  closeStdin: (supervisor, { id, execId }: Target) => supervisor.get(id, execId).io.endInput(),
  reopenLog: (supervisor, { id }: Target) => supervisor.get(id).io.log.reopen(nowNanos()),
  drained: (supervisor, { id, execId }: Target) => supervisor.get(id, execId).io.drained(),
  forget: (supervisor, { id, execId }: Target) => supervisor.forget(id, execId),
}

/** Does what a request asks. @throws notImplemented for a method that this version does not know */
export function perform(supervisor: Supervisor, request: WireRequest, span: Span): unknown {
  const method = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined
  if (!method) throw new Failure("notImplemented", `this shim does not know the request ${request.method}`)
  return method(supervisor, request.params as never, span)
}
