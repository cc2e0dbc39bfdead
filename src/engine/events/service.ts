import type { EventMessage } from "../../api/events.ts"
import { type Filters, labelsMatch } from "../../api/filters.ts"
import type { Scope } from "../../core/scope.ts"
import { nowNanos } from "../../std/clock.ts"
import type { Events, EventsOptions } from "./contract.ts"

const historyLength = 256
/** What a listener may have waiting before it loses its connection: a client that never reads must not fill the memory. */
const backlogLimit = 16_384

/** Events of the engine, told at once and in order, with Docker's history of 256. */
export class EventHistory implements Events {
  readonly #history: EventMessage[] = []
  readonly #listeners = new Set<(event: EventMessage) => void>()
  #published = 0

  get listeners(): number {
    return this.#listeners.size
  }

  get published(): number {
    return this.#published
  }

  publish(event: Pick<EventMessage, "Type" | "Action" | "Actor">): void {
    const now = nowNanos()
    const message: EventMessage = { ...event, scope: "local", time: Number(now / 1_000_000_000n), timeNano: now }
    this.#published++
    this.#history.push(message)
    if (this.#history.length > historyLength) this.#history.shift()
    for (const listener of this.#listeners) listener(message)
  }

  subscribe(scope: Scope, options: EventsOptions): AsyncIterable<EventMessage> {
    const { since, until, filters } = options
    const waiting: EventMessage[] = []
    let wake: (() => void) | undefined
    let overrun = false
    const now = nowNanos()
    if (since !== undefined || (until !== undefined && until <= now)) {
      for (const event of this.#history) {
        if (since !== undefined && BigInt(event.timeNano) < since) continue
        if (until !== undefined && BigInt(event.timeNano) > until) continue
        if (eventMatches(filters, event)) waiting.push(event)
      }
    }
    const listener = (event: EventMessage) => {
      if (!eventMatches(filters, event)) return
      if (waiting.length >= backlogLimit) overrun = true
      else waiting.push(event)
      wake?.()
    }
    const live = until === undefined || until > now
    if (live) this.#listeners.add(listener)
    return this.#iterate(scope, waiting, listener, {
      live,
      until,
      overrun: () => overrun,
      sleep: () =>
        new Promise((resolve) => {
          wake = resolve
        }),
      wake: () => wake?.(),
    })
  }

  async *#iterate(
    scope: Scope,
    waiting: EventMessage[],
    listener: (event: EventMessage) => void,
    state: {
      readonly live: boolean
      readonly until: bigint | undefined
      readonly overrun: () => boolean
      readonly sleep: () => Promise<void>
      readonly wake: () => void
    },
  ): AsyncGenerator<EventMessage> {
    let over = false
    const end = () => {
      over = true
      state.wake()
    }
    const remaining = state.until === undefined ? undefined : Number((state.until - nowNanos()) / 1_000_000n)
    // A timer holds at most 2^31 ms; an end that is further away is none.
    const timer =
      state.live && remaining !== undefined && remaining < 2 ** 31 ? setTimeout(end, Math.max(0, remaining)) : undefined
    scope.signal?.addEventListener("abort", end)
    try {
      for (;;) {
        while (waiting.length > 0) yield waiting.shift()!
        if (!state.live || over || state.overrun() || scope.signal?.aborted) return
        await state.sleep()
      }
    } finally {
      clearTimeout(timer)
      scope.signal?.removeEventListener("abort", end)
      this.#listeners.delete(listener)
    }
  }
}

/** Docker's event filters: values of one key are alternatives, keys restrict each other. */
export function eventMatches(filters: Filters, event: EventMessage): boolean {
  const { ID } = event.Actor
  const one = (key: string, test: (wanted: string) => boolean) => {
    const values = filters.get(key)
    return !values || values.length === 0 || values.some(test)
  }
  // By the beginning of the ID or of the name; everything begins with an empty text.
  const byActor = (type: EventMessage["Type"], key: string) =>
    one(
      key,
      (wanted) =>
        wanted === "" ||
        (event.Type === type && (ID.startsWith(wanted) || (event.Actor.Attributes["name"] ?? "").startsWith(wanted))),
    )
  return (
    one("type", (wanted) => wanted === event.Type) &&
    // "exec_create" finds "exec_create: sh -c …", "health_status" finds "health_status: healthy".
    one("event", (wanted) => event.Action === wanted || event.Action.split(":", 1)[0] === wanted) &&
    byActor("container", "container") &&
    byActor("volume", "volume") &&
    byActor("network", "network") &&
    byActor("plugin", "plugin") &&
    byActor("node", "node") &&
    byActor("service", "service") &&
    byActor("secret", "secret") &&
    byActor("config", "config") &&
    byActor("daemon", "daemon") &&
    one("scope", (wanted) => wanted === event.scope) &&
    one("image", (wanted) => imageMatches(wanted, event)) &&
    // Attributes are put together for the first who looks at them.
    (!(filters.has("label") || filters.has("label!")) || labelsMatch(filters, event.Actor.Attributes))
  )
}

function imageMatches(wanted: string, event: EventMessage): boolean {
  // What has nothing to do with an image matches the empty name.
  const image = (event.Type === "image" ? event.Actor.ID : event.Actor.Attributes["image"]) ?? ""
  const name = event.Type === "image" ? event.Actor.Attributes["name"] : undefined
  const withoutTag = (text: string | undefined) => text?.replace(/:[^:/@]+$/, "")
  return [image, name].some((each) => each === wanted || withoutTag(each) === wanted)
}
