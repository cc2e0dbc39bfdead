import { humanDuration } from "../../../std/duration.ts"
import type { Container } from "../record/container.ts"

/** The text that `docker ps` shows under STATUS. `now` is in milliseconds since the epoch. */
export function statusText(container: Container, now: number): string {
  const { state } = container
  const since = (nanos: string) => humanDuration(Math.max(0, now / 1000 - Number(BigInt(nanos) / 1_000_000n) / 1000))
  switch (state.status) {
    case "running":
    case "paused": {
      const up = `Up ${since(state.startedAt)}`
      if (state.status === "paused") return `${up} (Paused)`
      if (!state.health) return up
      return `${up} (${state.health.status === "starting" ? "health: starting" : state.health.status})`
    }
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case "removing":
      return "Removal In Progress"
    case "dead":
      return "Dead"
    case "created":
      return "Created"
    default:
      return state.finishedAt === "0" ? "Created" : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
  }
}
