import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import type { AttachStream } from "../../../shim/contract.ts"
import { parseDetachKeys } from "../../../std/detach-keys.ts"
import type { HijackedStream } from "../../../std/hijacked-stream.ts"
import { frame } from "../../../std/stdcopy.ts"
import type { ContainerContext } from "../context.ts"
import type { Attachment, ContainerAttachOptions } from "../contract.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { ioConfig, logConfig } from "./config.ts"
import { logUpTo } from "./logs.ts"
import { serveStreams } from "./serve.ts"

/**
 * Connects a client to a container's stdio. The connection to the process is made here, so that nothing is missed.
 * @param ref what the client calls the container
 */
export async function attachContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  ref: string,
  options: ContainerAttachOptions,
): Promise<Attachment> {
  const detachKeys = parseDetachKeys(options.detachKeys)
  const { config } = container.document
  if (container.state.status === "paused") {
    throw new Failure("conflict", `container ${ref} is paused, unpause the container before attach`)
  }
  if (container.state.status === "restarting") {
    throw new Failure("conflict", `container ${container.id} is restarting, wait until the container is running`)
  }
  if (container.removed) throw new Failure("conflict", `container ${container.id} is being removed`)
  const multiplexed = !config.Tty && !options.raw
  const stdin = options.stdin && config.OpenStdin
  const live =
    options.stream && (container.running || container.state.status === "created" || container.state.status === "exited")
  const feedsOnce = config.StdinOnce && !config.Tty
  let process: AttachStream | undefined
  let ended: Promise<unknown> | undefined
  if (live) {
    process = await context.registry.locked(container.id, async () => {
      if (!container.running) {
        await context.tasks.open(scope, container.id, ioConfig(context, container), logConfig(context, container))
      }
      // Who feeds a process once stays until it has ended, and finds it so (Docker Engine API, attach with StdinOnce).
      if (feedsOnce) ended = container.nextExit()
      return await context.tasks.attach(scope, {
        id: container.id,
        stdin,
        stdout: options.stdout,
        stderr: options.stderr,
        role: "client",
      })
    })
  }
  publish(context, container, "attach")
  return {
    multiplexed,
    serve: async (client) => {
      const disconnected = process ? container.attached.add() : () => {}
      try {
        if (options.logs) await replay(context, container, client, options, multiplexed, process)
        if (!process) return
        const end = await serveStreams(process, client, {
          multiplexed,
          stdin,
          stdout: options.stdout,
          stderr: options.stderr,
          closeStdin: feedsOnce,
          ...(options.stdin && config.Tty ? { detachKeys } : {}),
        })
        if (end === "process ended") await client.taken()
        disconnected()
        if (end === "detached") publish(context, container, "detach")
        else if (end === "process ended") await Promise.race([untilEnded(context, container, ended), client.closed])
      } catch (error) {
        context.log.debug("an attached client ended with an error", { container: container.id, error: String(error) })
      } finally {
        disconnected()
        await Promise.all([client.closeWrite(), process?.[Symbol.asyncDispose]()])
      }
    },
  }
}

/** A start that has failed, or whose process ended at once, has nothing more to wait for. */
async function untilEnded(context: ContainerContext, container: Container, ended?: Promise<unknown>): Promise<void> {
  await context.registry.afterStart(container)
  if (container.running) await ended
}

async function replay(
  context: ContainerContext,
  container: Container,
  client: HijackedStream,
  options: ContainerAttachOptions,
  multiplexed: boolean,
  process: AttachStream | undefined,
): Promise<void> {
  for await (const { stream, bytes } of logUpTo(logConfig(context, container), process?.position)) {
    if (!(stream === "stdout" ? options.stdout : options.stderr)) continue
    await client.write(multiplexed ? frame(stream, bytes) : bytes)
  }
}
