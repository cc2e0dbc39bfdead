import type { Container } from "../record/container.ts"

/** A length of time for people, in Docker's words. */
export function durationWords(seconds: number): string {
  if (seconds < 1) return "Less than a second"
  if (seconds < 2) return "1 second"
  if (seconds < 60) return `${Math.floor(seconds)} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return "About a minute"
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.round(seconds / 3600)
  if (hours === 1) return "About an hour"
  if (hours < 48) return `${hours} hours`
  const days = Math.floor(hours / 24)
  if (days < 14) return `${days} days`
  if (days < 60) return `${Math.floor(days / 7)} weeks`
  if (days < 730) return `${Math.floor(days / 30)} months`
  return `${Math.floor(days / 365)} years`
}

/** What `docker ps` shows under STATUS. `now` is in milliseconds since the epoch. */
export function statusText(container: Container, now: number): string {
  const { state } = container
  const since = (nanos: string) => durationWords(Math.max(0, now / 1000 - Number(BigInt(nanos) / 1_000_000n) / 1000))
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
