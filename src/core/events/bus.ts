import { nowNanos } from "../../std/clock.ts"
import { anyOf, type FieldOf, labelAt, orAbsent } from "../filters/filter.ts"
import type { Scope } from "../scope.ts"
import type { CoreEvent, EventBus } from "./contract.ts"
import type { EventPayloads, Topic } from "./topics.ts"

const historySize = 256
const queueSize = 1024

/** The fields of an event that filters can name: `namespace`, `topic`, `event.FIELD`. */
const fieldsOf =
  ({ namespace, topic, payload }: CoreEvent): FieldOf =>
  ([first, ...path]) => {
    if (first === "namespace" && path.length === 0) return orAbsent(namespace)
    if (first === "topic" && path.length === 0) return topic
    return first === "event" ? payloadField(payload, path) : undefined
  }

function payloadField(payload: EventPayloads[Topic], [name = "", ...path]: readonly string[]): string | undefined {
  const value: unknown = Object.hasOwn(payload, name) ? payload[name as keyof typeof payload] : undefined
  if (name === "labels") return labelAt(value as Record<string, string>, path)
  if (typeof value === "object" && value !== null) return payloadField(value as EventPayloads[Topic], path)
  return path.length === 0 && typeof value === "string" ? orAbsent(value) : undefined
}

/** Events in memory: the last 256 are kept, each subscriber has a queue of 1024. */
export class MemoryEventBus implements EventBus {
  #sequence = 0
  readonly #history: CoreEvent[] = []
  readonly #subscribers = new Set<(event: CoreEvent) => void>()

  publish<T extends Topic>(scope: Pick<Scope, "namespace">, topic: T, payload: EventPayloads[T]): void {
    const { namespace } = scope
    const event = { sequence: ++this.#sequence, timestamp: nowNanos(), namespace, topic, payload } as CoreEvent
    this.#history.push(event)
    if (this.#history.length > historySize) this.#history.shift()
    for (const subscriber of this.#subscribers) subscriber(event)
  }

  /** Listening begins with the call, not with the first `next`. */
  subscribe(
    options: { readonly filters?: readonly string[]; readonly since?: bigint; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<CoreEvent> {
    const { filters, since, signal } = options
    const matches = anyOf(filters)
    const wanted = (event: CoreEvent) => matches(fieldsOf(event))
    const queue = since === undefined ? [] : this.#history.filter((event) => event.timestamp > since && wanted(event))
    let wake: (() => void) | undefined
    const listener = (event: CoreEvent) => {
      if (!wanted(event)) return
      queue.push(event)
      if (queue.length > queueSize) queue.shift()
      wake?.()
    }
    const subscribers = this.#subscribers
    const abort = () => {
      subscribers.delete(listener)
      wake?.()
    }
    if (!signal?.aborted) {
      subscribers.add(listener)
      signal?.addEventListener("abort", abort, { once: true })
    }
    return (async function* () {
      try {
        for (;;) {
          const event = queue.shift()
          if (event) yield event
          else if (signal?.aborted) return
          else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
            wake = undefined
          }
        }
      } finally {
        subscribers.delete(listener)
        signal?.removeEventListener("abort", abort)
      }
    })()
  }
}
