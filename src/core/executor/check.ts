import type { OutputChunk } from "../../logs/contract.ts"
import type { Scope } from "../scope.ts"
import type { TaskService } from "../tasks/contract.ts"
import { type ExecRequest, startExec } from "./exec.ts"

/** Milliseconds that the output of a process which has ended is waited for: processes that it left behind may hold it open. */
const lastOutput = 1000

/** A program that is run in a container to learn its exit code. */
export interface CheckRequest extends Pick<ExecRequest, "containerId" | "execId" | "process" | "starting"> {
  /** Milliseconds after which it is killed. */
  readonly timeout: number
  /** Called for each piece of output, in order. */
  readonly output: (chunk: OutputChunk) => void
}

export interface CheckEnd {
  /** 0–255; 255 when nobody knows it, 137 when it was killed. */
  readonly code: number
  /** It was killed: its time was over, or `scope.signal` aborted. */
  readonly killed: boolean
}

/**
 * Runs a program in a running container to its end, without input: health checks, probes. It is killed when its time is over, or
 * `scope.signal` is aborted; then its end is not waited for any more.
 * @throws as {@link startExec}
 */
export async function runCheck(tasks: TaskService, scope: Scope, request: CheckRequest): Promise<CheckEnd> {
  const { containerId, execId, process, starting } = request
  using aborted = eventOf(scope.signal)
  await using running = await startExec(tasks, scope, {
    containerId,
    execId,
    process,
    ...(starting ? { starting } : {}),
    io: { terminal: false, stdin: false, stdinOnce: false },
    attach: { stdin: false, stdout: true, stderr: true, role: "follower" },
  })
  const reading = (async () => {
    for await (const chunk of running.stream!.output) request.output(chunk)
  })()
  using late = timer(request.timeout)
  const exit = await Promise.race([running.ended, late.over, aborted.over])
  if (!exit) {
    await tasks.kill(scope, containerId, 9, { execId }).catch(() => {})
    await Promise.race([running.ended, aborted.over])
  }
  using quiet = timer(lastOutput)
  await Promise.race([reading, quiet.over, aborted.over])
  return exit ? { code: exit.code ?? 255, killed: false } : { code: 137, killed: true }
}

interface Moment extends Disposable {
  readonly over: Promise<undefined>
}

/** Resolves after so many milliseconds, unless it is disposed before. */
function timer(milliseconds: number): Moment {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timeout = setTimeout(() => resolve(undefined), milliseconds)
  timeout.unref()
  return { over: promise, [Symbol.dispose]: () => clearTimeout(timeout) }
}

/** Resolves when `signal` is aborted, unless it is disposed before. */
function eventOf(signal: AbortSignal | undefined): Moment {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const abort = () => resolve(undefined)
  if (signal?.aborted) abort()
  signal?.addEventListener("abort", abort)
  return { over: promise, [Symbol.dispose]: () => signal?.removeEventListener("abort", abort) }
}
