import type { HealthConfig } from "../../../api/container-config.ts"
import { runCheck } from "../../../core/executor/check.ts"
import { messageOf } from "../../../errors/failure.ts"
import { formatNanos, nowNanos } from "../../../std/clock.ts"
import { newId } from "../../../std/id.ts"
import { processOf } from "../../exec/process.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { restartContainer } from "./stop.ts"

/** A container with this label set to `true` is restarted when it becomes unhealthy. */
export const restartLabel = "barge.restart-unhealthy"

const outputLimit = 4096
const logLength = 5
const monitors = new WeakMap<Container, AbortController>()

const millis = (nanos: number | bigint | undefined, absent: number): number =>
  nanos === undefined || Number(nanos) === 0 ? absent : Number(nanos) / 1e6

/** The command of a health check, or undefined when there is none. */
function checkCommand(health: HealthConfig | undefined, shell: readonly string[] | undefined): string[] | undefined {
  const [kind, ...rest] = health?.Test ?? []
  if (kind === "CMD") return rest
  if (kind === "CMD-SHELL") return [...(shell ?? ["/bin/sh", "-c"]), rest[0] ?? ""]
  return undefined
}

/** Begins to check a container that has just started, or goes on after a restart of the daemon. */
export function startHealthChecks(context: ContainerContext, container: Container, resumed = false): void {
  const { Healthcheck, Shell } = container.document.config
  const command = checkCommand(Healthcheck, Shell)
  if (!Healthcheck || !command) {
    delete container.state.health
    return
  }
  stopHealthChecks(container)
  if (!resumed || !container.state.health) container.state.health = { status: "starting", failingStreak: 0, log: [] }
  const controller = new AbortController()
  monitors.set(container, controller)
  void watch(context, container, Healthcheck, command, controller.signal)
}

/** Ends the checks of a container that has ended. */
export function stopHealthChecks(container: Container): void {
  monitors.get(container)?.abort()
  monitors.delete(container)
}

async function watch(
  context: ContainerContext,
  container: Container,
  health: HealthConfig,
  command: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const interval = millis(health.Interval, 30_000)
  const startInterval = millis(health.StartInterval, 5_000)
  const startPeriod = millis(health.StartPeriod, 0)
  const startedAt = Number(BigInt(container.state.startedAt) / 1_000_000n)
  const inStartPeriod = () => container.state.health?.status === "starting" && Date.now() - startedAt < startPeriod
  for (;;) {
    await sleep(inStartPeriod() ? Math.min(startInterval, interval) : interval, signal)
    // After a restart of the daemon all containers' checks come at one moment.
    await context.turns.enter()
    if (signal.aborted) return
    if (container.state.status !== "running") continue
    const countsAsFailure = !inStartPeriod()
    const outcome = await probe(context, container, command, millis(health.Timeout, 30_000), signal)
    if (signal.aborted || !container.state.health) return
    const before = container.state.health.status
    const after = judge(container.state.health, outcome.exitCode, health.Retries || 3, countsAsFailure)
    container.state.health.log = [
      ...container.state.health.log,
      { Start: outcome.start, End: outcome.end, ExitCode: outcome.exitCode, Output: outcome.output },
    ].slice(-logLength)
    await context.registry.save(context.background("health"), container).catch((error) => {
      context.log.warn("recording a health check failed", { container: container.id, error: messageOf(error) })
    })
    context.healthCounts.checks++
    if (outcome.exitCode !== 0) context.healthCounts.failures++
    if (after === before) continue
    publish(context, container, `health_status: ${after}`)
    if (after === "unhealthy" && container.document.config.Labels?.[restartLabel] === "true")
      void restartUnhealthy(context, container)
  }
}

async function restartUnhealthy(context: ContainerContext, container: Container): Promise<void> {
  context.log.info("restarting an unhealthy container", { container: container.id, label: restartLabel })
  try {
    await restartContainer(context, context.background("restart unhealthy"), container, container.id, {})
  } catch (error) {
    context.log.warn("an unhealthy container could not be restarted", {
      container: container.id,
      error: messageOf(error),
    })
  }
}

/** Takes one outcome into the health; what fails within the start period does not count. */
export function judge(
  health: { status: "starting" | "healthy" | "unhealthy"; failingStreak: number },
  exitCode: number,
  retries: number,
  countsAsFailure: boolean,
): "starting" | "healthy" | "unhealthy" {
  if (exitCode === 0) {
    health.failingStreak = 0
    health.status = "healthy"
  } else if (countsAsFailure) {
    health.failingStreak++
    if (health.failingStreak >= retries) health.status = "unhealthy"
  }
  return health.status
}

async function probe(
  context: ContainerContext,
  container: Container,
  command: readonly string[],
  timeout: number,
  signal: AbortSignal,
): Promise<{ start: string; end: string; exitCode: number; output: string }> {
  const scope = { ...context.background("health"), signal }
  const execId = newId()
  const start = formatNanos(nowNanos())
  const chunks: Buffer[] = []
  let size = 0
  const text = command.join(" ")
  const finish = (exitCode: number, output: string) => ({ start, end: formatNanos(nowNanos()), exitCode, output })
  publish(context, container, `exec_create: ${text}`, { execID: execId })
  try {
    const { code, killed } = await runCheck(context.tasks, scope, {
      containerId: container.id,
      execId,
      process: () => processOf(context, scope, container, { ...probeRequest, Cmd: command }),
      timeout,
      starting: () => publish(context, container, `exec_start: ${text}`, { execID: execId }),
      output: ({ bytes }) => {
        if (size < outputLimit) chunks.push(Buffer.from(bytes))
        size += bytes.length
      },
    })
    publish(context, container, "exec_die", { execID: execId, exitCode: String(code) })
    const output = outputText(Buffer.concat(chunks))
    if (!killed) return finish(code, output)
    const why = `Health check exceeded timeout (${formatMillis(timeout)})`
    return finish(-1, output ? `${why}: ${output}` : why)
  } catch (error) {
    return finish(-1, messageOf(error))
  }
}

/** What is kept of a probe's output. */
const outputText = (output: Buffer): string =>
  output.length > outputLimit ? `${output.toString("utf8", 0, outputLimit)}...` : output.toString("utf8")

const probeRequest = {
  User: "",
  Privileged: false,
  Tty: false,
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  DetachKeys: "",
  Env: null,
  WorkingDir: "",
} as const

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    timer.unref()
    signal.addEventListener("abort", done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener("abort", done)
      resolve()
    }
  })
}

const formatMillis = (ms: number): string => (ms >= 1000 ? `${ms / 1000}s` : `${ms}ms`)
