import { nowNanos } from "../../std/clock.ts"
import type { Scope } from "../scope.ts"
import type { CoreEvent, EventBus } from "./contract.ts"

const historySize = 256
const queueSize = 1024

/** Whether `topic` is `wanted`, or lies under it when `wanted` ends with a slash (`/tasks/`). */
const matches = (wanted: string | undefined, topic: string): boolean =>
  wanted === undefined || wanted === topic || (wanted.endsWith("/") && topic.startsWith(wanted))

/** Events in memory: the last 256 are kept, each subscriber has a queue of 1024. */
export class MemoryEventBus implements EventBus {
  #sequence = 0
  readonly #history: CoreEvent[] = []
  readonly #listeners = new Set<(event: CoreEvent) => void>()
  readonly #onError: (error: unknown) => void

  /** @param onError told when a listener throws; the others still hear the event */
  constructor(onError: (error: unknown) => void = () => {}) {
    this.#onError = onError
  }

  publish(scope: Pick<Scope, "namespace">, topic: string, payload: Readonly<Record<string, unknown>>): void {
    const event: CoreEvent = {
      sequence: ++this.#sequence,
      timestamp: nowNanos(),
      namespace: scope.namespace,
      topic,
      payload,
    }
    this.#history.push(event)
    if (this.#history.length > historySize) this.#history.shift()
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  on(topic: string, listener: (event: CoreEvent) => void): () => void {
    const own = (event: CoreEvent) => {
      if (matches(topic, event.topic)) listener(event)
    }
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Listening begins with the call, not with the first `next`. */
  subscribe(
    options: {
      readonly namespace?: string
      readonly topic?: string
      readonly since?: bigint
      readonly signal?: AbortSignal
    } = {},
  ): AsyncIterable<CoreEvent> {
    const { namespace, topic, since, signal } = options
    const wanted = (event: CoreEvent) =>
      (namespace === undefined || namespace === event.namespace) && matches(topic, event.topic)
    const queue = since === undefined ? [] : this.#history.filter((event) => event.timestamp > since && wanted(event))
    let wake: (() => void) | undefined
    const listener = (event: CoreEvent) => {
      if (!wanted(event)) return
      queue.push(event)
      if (queue.length > queueSize) queue.shift()
      wake?.()
    }
    const listeners = this.#listeners
    const abort = () => {
      listeners.delete(listener)
      wake?.()
    }
    if (!signal?.aborted) {
      listeners.add(listener)
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
        listeners.delete(listener)
        signal?.removeEventListener("abort", abort)
      }
    })()
  }
}
