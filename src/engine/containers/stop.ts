import type { Scope } from "../../core/scope.ts"
import { Failure, isKind, kindOf, messageOf } from "../../errors/failure.ts"
import type { Container } from "./container.ts"
import { type ContainerContext, publish, step } from "./context.ts"
import type { StopOptions } from "./contract.ts"
import { cancelRestart } from "./exit.ts"
import { signalNumber } from "./signal-number.ts"
import { startLocked } from "./start.ts"

/** Ends a running container: stop signal, grace, SIGKILL. */
export async function stopContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  options: StopOptions,
): Promise<void> {
  const { config } = container.document
  if (container.state.status === "restarting") {
    await cancelPendingRestart(context, scope, container)
    return
  }
  if (!container.running) throw new Failure("notModified", `container ${container.id} is not running`)
  const signal = signalNumber(options.signal || config.StopSignal || "SIGTERM")
  const grace = options.timeout ?? config.StopTimeout ?? 10
  container.stopping++
  try {
    await markStopped(context, scope, container)
    const ended = container.nextExit()
    await endProcess(context, scope, container, signal, grace, ended)
    await ended
  } finally {
    container.stopping--
  }
  publish(context, container, "stop")
}

async function endProcess(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  signal: number,
  grace: number,
  ended: Promise<unknown>,
): Promise<void> {
  const { tasks } = context
  const wasPaused = container.state.status === "paused"
  const send = async (number: number) => {
    try {
      await tasks.kill(scope, container.id, number)
    } catch (error) {
      if (!isKind(error, "notFound")) throw error
    }
  }
  if (wasPaused) {
    // A frozen process gets no signal before it is thawed; SIGKILL first, so that it does nothing more.
    publish(context, container, "kill", { signal: "9" })
    await send(9)
    await tasks.resume(scope, container.id).catch(() => {})
    return
  }
  const reach = tasks.canReceive(scope, container.id, signal)
  if (!reach.can && grace !== 0) {
    publish(context, container, "kill", { signal: String(signal), reason: `SIGKILL at once: ${reach.why}` })
    context.log.info("stopping without grace: the stop signal cannot arrive", {
      container: container.id,
      signal,
      why: reach.why,
    })
    await step(scope, "kill", (span) => {
      span.set({ signal: 9, why: reach.why })
      return send(9)
    })
    return
  }
  publish(context, container, "kill", { signal: String(signal) })
  await step(scope, "signal", (span) => {
    span.set({ signal, why: reach.why })
    return send(signal)
  })
  if (grace < 0) return
  const inTime = await withinSeconds(ended, grace)
  if (inTime) return
  context.log.info("the stop signal had no effect in time: killing", { container: container.id, seconds: grace })
  publish(context, container, "kill", { signal: "9" })
  await send(9)
}

/** `docker kill`. @throws conflict when it does not run */
export async function killContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  text: string | undefined,
): Promise<void> {
  const signal = signalNumber(text || "KILL")
  if (container.state.status === "restarting" && signal === 9) {
    await cancelPendingRestart(context, scope, container)
    return
  }
  if (!container.running) {
    throw new Failure("conflict", `container ${container.id} is not running`)
  }
  const ends = signal === 9 || signal === signalNumber(container.document.config.StopSignal || "SIGTERM")
  if (ends) await markStopped(context, scope, container)
  const wasPaused = container.state.status === "paused"
  const ended = container.nextExit()
  // Told first: the end that it brings is told after it.
  publish(context, container, "kill", { signal: String(signal) })
  try {
    await context.tasks.kill(scope, container.id, signal)
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
    throw new Failure("conflict", `container ${container.id} is not running`)
  }
  if (signal === 9) {
    if (wasPaused) await context.tasks.resume(scope, container.id).catch(() => {})
    await ended
  }
}

/** `docker restart`: stops when it runs, then starts. @param ref what the client calls the container */
export async function restartContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  ref: string,
  options: StopOptions,
): Promise<void> {
  container.restarting++
  try {
    if (options.signal) signalNumber(options.signal)
    if (container.running || container.state.status === "restarting") {
      await stopContainer(context, scope, container, options).catch((error) => {
        if (!isKind(error, "notModified")) throw error
      })
    }
    await context.registry.locked(container.id, () => startLocked(context, scope, container, {}))
  } catch (error) {
    throw new Failure(kindOf(error), `Cannot restart container ${ref}: ${messageOf(error)}`, error)
  } finally {
    container.restarting--
  }
  publish(context, container, "restart")
}

async function markStopped(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  if (container.state.manuallyStopped) return
  container.state.manuallyStopped = true
  await context.registry.save(scope, container)
}

async function cancelPendingRestart(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  await context.registry.locked(container.id, async () => {
    cancelRestart(container)
    container.state.manuallyStopped = true
    if (container.state.status === "restarting") container.state.status = "exited"
    await context.registry.save(scope, container)
  })
  publish(context, container, "stop")
}

async function withinSeconds(event: Promise<unknown>, seconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), seconds * 1000)
  })
  try {
    return await Promise.race([event.then(() => true as const), late])
  } finally {
    clearTimeout(timer)
  }
}
