import type { Scope } from "../../../core/scope.ts"
import { Failure, isKind, kindOf, messageOf } from "../../../errors/failure.ts"
import { step } from "../../traces/step.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { signalNumber } from "../request/signal-number.ts"
import type { StopOptions } from "./contract.ts"
import { cancelRestart, freeLeftTask, saveOrWarn } from "./exit.ts"
import { startLocked } from "./start.ts"

/** Ends a running container: stop signal, grace, SIGKILL. */
export async function stopContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  options: StopOptions,
): Promise<void> {
  const { config } = container.document
  if (await takeBackRestart(context, scope, container)) return
  if (!container.running) throw new Failure("notModified", `container ${container.id} is not running`)
  const signal = signalNumber(options.signal || config.StopSignal || "SIGTERM")
  const asked = options.timeout ?? config.StopTimeout ?? undefined
  const ended = container.nextExit()
  container.stopping++
  try {
    // Recorded at once, and flushed to the disk while the process ends.
    const marked = markStopped(context, scope, container)
    await endProcess(context, scope, container, {
      signal,
      grace: asked ?? usualGrace,
      asked: asked !== undefined,
      ended,
    })
    await Promise.all([marked, ended])
  } finally {
    container.stopping--
  }
  publish(context, container, "stop")
}

/** Seconds between stop signal and SIGKILL when neither client nor container names any. */
const usualGrace = 10

interface Ending {
  readonly signal: number
  /** Seconds; below zero without end. */
  readonly grace: number
  /** Whether client or container asked for `grace`: then it is given, whatever the use. */
  readonly asked: boolean
  readonly ended: Promise<unknown>
}

async function endProcess(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  { signal, grace, asked, ended }: Ending,
): Promise<void> {
  const { tasks } = context
  const kill = () => unlessEnded(() => killProcess(context, scope, container))
  if (container.state.status === "paused") {
    publish(context, container, "kill", { signal: "9" })
    await kill()
    return
  }
  publish(context, container, "kill", { signal: String(signal) })
  const fate = await step(scope, "signal", async (span) => {
    const sent = await unlessEnded(async () => {
      if (!asked) return await tasks.signal(scope, container.id, signal)
      await tasks.kill(scope, container.id, signal)
    })
    span.set({ signal, ...(sent ? { why: sent.why } : {}) })
    return sent
  })
  if (fate?.lost) {
    publish(context, container, "kill", { signal: "9", reason: `SIGKILL at once: ${fate.why}` })
    context.log.info("stopping without grace: the stop signal was lost", {
      container: container.id,
      signal,
      why: fate.why,
    })
    await step(scope, "kill", (span) => {
      span.set({ signal: 9, why: fate.why })
      return kill()
    })
    return
  }
  if (grace < 0) return
  const inTime = await withinSeconds(ended, grace)
  if (inTime) return
  context.log.info("the stop signal had no effect in time: killing", { container: container.id, seconds: grace })
  publish(context, container, "kill", { signal: "9" })
  await kill()
}

/**
 * SIGKILL, and what it takes for it to arrive: a frozen process gets no signal before it is thawed. A pause that is under way
 * is waited for, and there is none any more before the end.
 * @throws notFound when it has ended
 */
export async function killProcess(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  await context.tasks.kill(scope, container.id, 9)
  container.killed = true
  await context.registry.locked(container.id, async () => {
    if (container.killed && container.state.status === "paused")
      await context.tasks.resume(scope, container.id).catch(() => {})
  })
}

async function unlessEnded<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
    return undefined
  }
}

/** `docker kill`. @throws conflict when it does not run */
export async function killContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  text: string | undefined,
): Promise<void> {
  const signal = signalNumber(text || "KILL")
  if (signal !== 9) await context.registry.afterStart(container)
  else if (await takeBackRestart(context, scope, container)) return
  if (!container.running) {
    throw new Failure("conflict", `container ${container.id} is not running`)
  }
  const ended = container.nextExit()
  const ends = signal === 9 || signal === signalNumber(container.document.config.StopSignal || "SIGTERM")
  const marked = ends ? markStopped(context, scope, container) : undefined
  // Told first: the end that it brings is told after it.
  publish(context, container, "kill", { signal: String(signal) })
  try {
    if (signal === 9) await killProcess(context, scope, container)
    else await context.tasks.kill(scope, container.id, signal)
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
    throw new Failure("conflict", `container ${container.id} is not running`)
  }
  if (signal === 9) await ended
  await marked
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
    await stopContainer(context, scope, container, options).catch((error) => {
      if (!isKind(error, "notModified")) throw error
    })
    await context.registry.locked(container.id, () => startLocked(context, scope, container, {}))
  } catch (error) {
    throw new Failure(kindOf(error), `Cannot restart container ${ref}: ${messageOf(error)}`, error)
  } finally {
    container.restarting--
    if (container.restarting === 0) await freeLeftTask(context, scope, container)
  }
  publish(context, container, "restart")
}

/** Keeps the restart policy from starting it again. Stopping goes on when that cannot be recorded. */
async function markStopped(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  if (container.state.manuallyStopped) return
  container.state.manuallyStopped = true
  await saveOrWarn(context, scope, container, "saveDurably")
}

/** Sees to it that a restart that is pending does not come. One that is under way is waited for. @returns whether there was one */
async function takeBackRestart(context: ContainerContext, scope: Scope, container: Container): Promise<boolean> {
  if (container.running) return false
  const taken = await context.registry.locked(container.id, async () => {
    if (container.state.status !== "restarting") return false
    cancelRestart(container)
    container.state.manuallyStopped = true
    container.state.status = "exited"
    await saveOrWarn(context, scope, container, "saveDurably")
    // Who waits for the end of the run that will not be has waited long enough.
    container.notifyExit()
    publish(context, container, "stop")
    return true
  })
  // The run that had just been started may have ended again by now.
  if (!taken && container.state.status === "restarting") return await takeBackRestart(context, scope, container)
  return taken
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
