import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import type { AttachStream } from "../../../shim/contract.ts"
import { parseDetachKeys } from "../../../std/detach-keys.ts"
import type { HijackedStream } from "../../../std/hijacked-stream.ts"
import { frame } from "../../../std/stdcopy.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { ioConfig, logConfig } from "./config.ts"
import type { Attachment, ContainerAttachOptions, StdioNeeds } from "./contract.ts"
import { logUpTo } from "./logs.ts"
import { serveStreams } from "./serve.ts"

/** Carries out `Stdio.attach`. */
export async function attachContainer(
  needs: StdioNeeds,
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
    process = await needs.registry.locked(container.id, async () => {
      if (!container.running) {
        await needs.tasks.open(scope, container.id, ioConfig(needs, container), logConfig(needs, container))
      }
      // With StdinOnce the client that feeds stdin stays attached until the exit is recorded (Docker Engine API, attach).
      if (feedsOnce) ended = container.nextExit()
      return await needs.tasks.attach(scope, {
        id: container.id,
        stdin,
        stdout: options.stdout,
        stderr: options.stderr,
        role: "client",
      })
    })
  }
  publish(needs, container, "attach")
  return {
    multiplexed,
    serve: async (client) => {
      const disconnected = process ? container.attached.add() : () => {}
      try {
        if (options.logs) await replay(needs, container, client, options, multiplexed, process)
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
        if (end === "detached") publish(needs, container, "detach")
        else if (end === "process ended") await Promise.race([untilEnded(needs, container, ended), client.closed])
      } catch (error) {
        needs.log.debug("an attached client ended with an error", { container: container.id, error: String(error) })
      } finally {
        disconnected()
        await Promise.all([client.closeWrite(), process?.[Symbol.asyncDispose]()])
      }
    },
  }
}

/** Waits for `ended`, but not after a failed start or a process that has ended already. */
async function untilEnded(needs: StdioNeeds, container: Container, ended?: Promise<unknown>): Promise<void> {
  await needs.registry.afterStart(container)
  if (container.running) await ended
}

/** Sends the log up to the position at which the live output begins. */
async function replay(
  needs: StdioNeeds,
  container: Container,
  client: HijackedStream,
  options: ContainerAttachOptions,
  multiplexed: boolean,
  process: AttachStream | undefined,
): Promise<void> {
  for await (const { stream, bytes } of logUpTo(logConfig(needs, container), process?.position)) {
    if (!(stream === "stdout" ? options.stdout : options.stderr)) continue
    await client.write(multiplexed ? frame(stream, bytes) : bytes)
  }
}
