import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { messageOf } from "../errors/failure.ts"
import type { WebhookSettings } from "./config.ts"
import type { RegistryEvent } from "./events.ts"
import { matchesAny } from "./policy.ts"

/** Events that wait for one address; older ones are given up when more come. */
const longestQueue = 1000
/** Events told at once. */
const batch = 50
/** Milliseconds between the attempts to tell a batch; then it is given up. */
const delays = [200, 1000, 5000, 15_000, 60_000]
const answerTime = 10_000

/** How a notification is written: the envelope that Docker's registry sends. */
const mediaType = "application/vnd.docker.distribution.events.v2+json"

interface Queue {
  settings: WebhookSettings
  readonly waiting: object[]
  sending: Promise<void> | undefined
}

/** Tells others what happens. Each address has its own queue: one that does not answer holds up nobody. */
export class Webhooks implements AsyncDisposable {
  #queues: readonly Queue[] = []
  readonly #stop = new AbortController()
  readonly #failed: (url: string, why: string) => void

  /** @param failed told of every batch that was given up */
  constructor(settings: readonly WebhookSettings[], failed: (url: string, why: string) => void) {
    this.#failed = failed
    this.configure(settings)
  }

  /** Takes other addresses. What waits for one that stays, waits on. */
  configure(settings: readonly WebhookSettings[]): void {
    const before = new Map(this.#queues.map((queue) => [queue.settings.url, queue]))
    this.#queues = settings.map((each) => {
      const queue = before.get(each.url) ?? { settings: each, waiting: [], sending: undefined }
      queue.settings = each
      return queue
    })
  }

  /** Queues the event where it is wanted. */
  readonly tell = (event: RegistryEvent): void => {
    for (const queue of this.#queues) {
      const { actions, repositories } = queue.settings
      if (!actions.includes(event.action) || !matchesAny(repositories, event.repository)) continue
      queue.waiting.push(notification(event))
      if (queue.waiting.length > longestQueue) {
        queue.waiting.shift()
        this.#failed(queue.settings.url, "too many events wait")
      }
      queue.sending ??= this.#drain(queue).finally(() => {
        queue.sending = undefined
      })
    }
  }

  /** Waits for what is queued, for at most `millis`. */
  async flush(millis: number): Promise<void> {
    const timer = new AbortController()
    await Promise.race([
      Promise.all(this.#queues.map((queue) => queue.sending)),
      pause(millis, undefined, { signal: timer.signal }).catch(() => {}),
    ])
    timer.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#queues.map((queue) => queue.sending))
  }

  async #drain(queue: Queue): Promise<void> {
    // What happens in this moment is told together.
    await Promise.resolve()
    while (queue.waiting.length > 0 && !this.#stop.signal.aborted) {
      const events = queue.waiting.splice(0, batch)
      const why = await this.#send(queue.settings, events)
      if (why !== undefined) this.#failed(queue.settings.url, why)
    }
  }

  /** @returns why it was given up */
  async #send(settings: WebhookSettings, events: readonly object[]): Promise<string | undefined> {
    let why = ""
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await fetch(settings.url, {
          method: "POST",
          headers: { "Content-Type": mediaType, ...settings.headers },
          body: JSON.stringify({ events }),
          signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerTime)]),
        })
        await answer.arrayBuffer()
        if (answer.ok) return undefined
        why = `it answered ${answer.status}`
      } catch (error) {
        why = messageOf(error)
      }
      const delay = delays[attempt]
      if (delay === undefined || this.#stop.signal.aborted) return why
      await pause(delay, undefined, { signal: this.#stop.signal }).catch(() => {})
    }
  }
}

function notification(event: RegistryEvent): object {
  const { action, repository, digest, mediaType, size, tag, fromRepository, actor, request } = event
  return {
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    action,
    target: {
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(digest === undefined ? {} : { digest }),
      ...(size === undefined ? {} : { size, length: size }),
      repository,
      ...(fromRepository === undefined ? {} : { fromRepository }),
      ...(tag === undefined ? {} : { tag }),
    },
    request: {
      id: randomUUID(),
      addr: request.address,
      host: request.host,
      method: request.method,
      useragent: request.agent,
    },
    actor: actor === undefined ? {} : { name: actor },
    source: { addr: request.host },
  }
}
