import type { ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest } from "../../api/exec.ts"
import { type ExecRequest, type RunningExec, startExec } from "../../core/executor/exec.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import type { IoConfig } from "../../shim/contract.ts"
import { parseDetachKeys } from "../../std/detach-keys.ts"
import { newId } from "../../std/id.ts"
import { frame } from "../../std/stdcopy.ts"
import type { ContainerContext } from "../containers/context.ts"
import type { Container } from "../containers/record/container.ts"
import { publish } from "../containers/record/events.ts"
import type { Attachment } from "../containers/stdio/contract.ts"
import { serveStreams } from "../containers/stdio/serve.ts"
import type { Execs } from "./contract.ts"
import { processOf } from "./process.ts"
import type { ExecRecord } from "./records.ts"

/** Further processes in running containers. */
export class ExecService implements Execs {
  readonly #context: ContainerContext

  constructor(context: ContainerContext) {
    this.#context = context
  }

  async create(_scope: Scope, ref: string, request: ExecCreateRequest): Promise<ExecCreateResponse> {
    const container = this.#context.registry.resolve(ref)
    await this.#context.registry.afterStart(container)
    requireRunning(container, ref)
    if (!request.Cmd || request.Cmd.length === 0) throw new Failure("invalidArgument", "No exec command specified")
    const detachKeys = escapeKeys(request.DetachKeys)
    const id = newId()
    this.#context.execs.add({
      id,
      containerId: container.id,
      request,
      detachKeys,
      status: "created",
      pid: 0,
      exitCode: null,
      started: Promise.withResolvers<void>(),
      ended: Promise.withResolvers<void>(),
    })
    container.execIds.add(id)
    publish(this.#context, container, `exec_create: ${request.Cmd.join(" ")}`, { execID: id })
    return { Id: id }
  }

  async start(scope: Scope, id: string, request: ExecStartRequest): Promise<Attachment> {
    const { record, container } = this.#find(id)
    const { AttachStdin, AttachStdout, AttachStderr } = record.request
    const io = ioOf(record, request)
    const { log } = this.#context
    // Who starts says how it reads, whatever the exec was made with: frames, or bytes as a terminal takes them.
    const multiplexed = !request.Tty
    return {
      multiplexed,
      serve: async (client) => {
        let running: RunningExec | undefined
        let ours = false
        try {
          claim(record)
          ours = true
          running = await this.#launch(scope, record, container, io, {
            stdin: AttachStdin,
            stdout: AttachStdout,
            stderr: AttachStderr,
            role: "client",
          })
          const end = await serveStreams(running.stream!, client, {
            multiplexed,
            stdin: AttachStdin,
            stdout: AttachStdout,
            stderr: AttachStderr && multiplexed,
            closeStdin: true,
            ...(AttachStdin && record.request.Tty ? { detachKeys: record.detachKeys } : {}),
          })
          if (end === "detached") publish(this.#context, container, "exec_detach", { execID: id })
          else if (end === "process ended") await record.ended.promise
        } catch (error) {
          if (ours) this.#failed(record, container, error)
          const text = Buffer.from(`${messageOf(error)}\r\n`)
          // Docker tells it where the output was to come.
          await client.write(multiplexed ? frame("stdout", text) : text)
          log.debug("an exec ended with an error", { exec: id, error: messageOf(error) })
        } finally {
          await Promise.all([client.closeWrite(), running?.[Symbol.asyncDispose]()])
        }
      },
    }
  }

  async startDetached(scope: Scope, id: string, request: ExecStartRequest): Promise<void> {
    const { record, container } = this.#find(id)
    claim(record)
    const io = { ...ioOf(record, request), stdin: false }
    try {
      await this.#launch(scope, record, container, io)
    } catch (error) {
      this.#failed(record, container, error)
      if (isKind(error, "internal")) throw new Failure("invalidArgument", messageOf(error), error)
      throw error
    }
  }

  async resize(scope: Scope, id: string, size: { readonly height: number; readonly width: number }): Promise<void> {
    const record = this.#require(id)
    requireRunning(this.#context.registry.resolve(record.containerId), record.containerId)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), 10_000)
    })
    const outcome = await Promise.race([record.started.promise.catch(() => undefined), late])
    clearTimeout(timer)
    if (outcome === "late") throw new Failure("internal", "timeout waiting for exec session ready")
    if (record.status !== "running") throw new Failure("conflict", `cannot resize a stopped exec: ${id}`)
    await this.#context.tasks.resize(scope, record.containerId, size, id)
  }

  async inspect(_scope: Scope, id: string): Promise<ExecInspect> {
    const record = this.#require(id)
    const { request } = record
    const [entrypoint = "", ...args] = request.Cmd ?? []
    return {
      ID: id,
      Running: record.status === "running",
      ExitCode: record.exitCode,
      ProcessConfig: {
        tty: request.Tty,
        entrypoint,
        arguments: args,
        privileged: request.Privileged,
        ...(request.User ? { user: request.User } : {}),
      },
      OpenStdin: request.AttachStdin,
      OpenStderr: request.AttachStderr,
      OpenStdout: request.AttachStdout,
      CanRemove: false,
      ContainerID: record.containerId,
      DetachKeys: request.DetachKeys ? Buffer.from(record.detachKeys).toString("base64") : "",
      Pid: record.pid,
    }
  }

  /** Runs the process and follows it to its end. */
  async #launch(
    scope: Scope,
    record: ExecRecord,
    container: Container,
    io: IoConfig,
    attach?: ExecRequest["attach"],
  ): Promise<RunningExec> {
    const context = this.#context
    const running = await startExec(context.tasks, scope, {
      containerId: container.id,
      execId: record.id,
      process: () => processOf(context, scope, container, record.request, io.consoleSize),
      io,
      ...(attach ? { attach } : {}),
      starting: () =>
        publish(context, container, `exec_start: ${record.request.Cmd!.join(" ")}`, { execID: record.id }),
    })
    record.pid = running.pid
    if (record.status === "starting") record.status = "running"
    record.started.resolve()
    void running.ended
      .then((exit) => {
        record.status = "ended"
        record.exitCode = exit.code ?? 255
        record.ended.resolve()
        context.execs.ended(record)
        publish(context, container, "exec_die", { execID: record.id, exitCode: String(record.exitCode) })
      })
      .catch((error) =>
        context.log.debug("an exec could not be followed", { exec: record.id, error: messageOf(error) }),
      )
    return running
  }

  /** Ends an exec of which nothing came. */
  #failed(record: ExecRecord, container: Container, error: unknown): void {
    if (record.status !== "starting") return
    record.status = "ended"
    this.#context.execs.ended(record)
    record.exitCode = execFailureCode(messageOf(error))
    record.started.resolve()
    record.ended.resolve()
    publish(this.#context, container, "exec_die", { execID: record.id, exitCode: String(record.exitCode) })
  }

  /** An exec in a container that runs. @throws notFound, conflict */
  #find(id: string): { record: ExecRecord; container: Container } {
    const record = this.#require(id)
    const container = this.#context.registry.resolve(record.containerId)
    requireRunning(container, container.id)
    return { record, container }
  }

  #require(id: string): ExecRecord {
    const record = this.#context.execs.get(id)
    if (!record || !this.#context.registry.get(record.containerId)) {
      throw new Failure("notFound", `No such exec instance: ${id}`)
    }
    return record
  }
}

/** An exec runs once. @throws conflict */
function claim(record: ExecRecord): void {
  if (record.status === "ended") throw new Failure("conflict", `Error: Exec command ${record.id} has already run`)
  if (record.status !== "created") throw new Failure("conflict", `Error: Exec command ${record.id} is already running`)
  record.status = "starting"
}

/** Docker calls them otherwise here than for an attach. @throws invalidArgument */
function escapeKeys(text: string): Uint8Array {
  try {
    return parseDetachKeys(text || undefined)
  } catch (error) {
    throw new Failure("invalidArgument", `Invalid escape keys (${text}) provided`, error)
  }
}

/** @param ref what the client calls the container */
function requireRunning(container: Container, ref: string): void {
  if (container.state.status === "paused") {
    throw new Failure("conflict", `Container ${ref} is paused, unpause the container before exec`)
  }
  if (container.state.status === "restarting") {
    throw new Failure("conflict", `container ${container.id} is restarting, wait until the container is running`)
  }
  if (!container.running) throw new Failure("conflict", `container ${container.id} is not running`)
}

function ioOf(record: ExecRecord, start: ExecStartRequest): IoConfig {
  const [height, width] = (start.Tty ? start.ConsoleSize : undefined) ?? record.request.ConsoleSize ?? [0, 0]
  return {
    terminal: record.request.Tty,
    ...(height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    stdin: record.request.AttachStdin,
    stdinOnce: true,
  }
}

/** The shell's convention for what could not be run. */
const execFailureCode = (message: string): number =>
  /executable file not found|no such file or directory/i.test(message) ? 127 : 126
