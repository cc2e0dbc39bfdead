import { createHash, randomUUID } from "node:crypto"
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { messageOf } from "../errors/failure.ts"
import type { WebhookSettings } from "./config.ts"
import { EventJournal } from "./event-journal.ts"
import type { RegistryEvent } from "./events.ts"
import { matchesAny } from "./policy.ts"

/** Events that wait for one address; older ones are given up when more come. */
const longestQueue = 10_000
/** Events told at once. */
const batch = 50
/** Milliseconds before an address that fails is asked again: doubled from the first to the longest. */
const firstDelay = 200
const longestDelay = 60_000
const answerTime = 10_000
/** Milliseconds after which an event is no news any more. */
const oldest = 24 * 3600 * 1000

/** How a notification is written: the envelope that Docker's registry sends. */
const mediaType = "application/vnd.docker.distribution.events.v2+json"

interface Queue {
  settings: WebhookSettings
  readonly journal: EventJournal
  sending: Promise<void> | undefined
}

export interface WebhookListener {
  /** Events were given up. */
  givenUp(url: string, events: number, why: string): void
  /** An address does not take events: it is asked again until it does. */
  failing(url: string, why: string): void
}

/**
 * Tells others what happens. Each address has its own queue on disk: one that does not answer holds up nobody, and gets what waited when
 * it is there again, over restarts too.
 */
export class Webhooks implements AsyncDisposable {
  #queues: ReadonlyMap<string, Queue> = new Map()
  readonly #directory: string
  readonly #stop = new AbortController()
  readonly #listener: WebhookListener

  /** @param directory where events wait; made when absent */
  constructor(directory: string, settings: readonly WebhookSettings[], listener: WebhookListener) {
    this.#directory = directory
    this.#listener = listener
    this.configure(settings)
  }

  /** Takes other addresses. What waits for one that stays, waits on; what waits for others is given up. */
  configure(settings: readonly WebhookSettings[]): void {
    const before = this.#queues
    const queues = new Map<string, Queue>()
    if (settings.length > 0) mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    for (const each of settings) {
      let name = ""
      // An address may be named twice, for different repositories.
      for (let nth = 0; nth === 0 || queues.has(name); nth++) {
        name = createHash("sha256").update(`${each.url} ${nth}`).digest("hex").slice(0, 32)
      }
      const queue = before.get(name) ?? {
        settings: each,
        journal: new EventJournal(join(this.#directory, name), longestQueue),
        sending: undefined,
      }
      queue.settings = each
      queues.set(name, queue)
    }
    this.#queues = queues
    for (const queue of queues.values()) this.#start(queue)
    for (const name of readNames(this.#directory)) if (!queues.has(name)) rmSync(join(this.#directory, name))
  }

  /** Queues the event where it is wanted. */
  readonly tell = (event: RegistryEvent): void => {
    for (const queue of this.#queues.values()) {
      const { actions, repositories, url } = queue.settings
      if (!actions.includes(event.action) || !matchesAny(repositories, event.repository)) continue
      try {
        if (queue.journal.push(notification(event))) this.#listener.givenUp(url, 1, "too many events wait")
      } catch (error) {
        this.#listener.failing(url, `events do not outlive a restart: ${messageOf(error)}`)
      }
      this.#start(queue)
    }
  }

  /** Waits for what is queued, for at most `millis`. */
  async flush(millis: number): Promise<void> {
    const timer = new AbortController()
    await Promise.race([
      Promise.all([...this.#queues.values()].map((queue) => queue.sending)),
      pause(millis, undefined, { signal: timer.signal }).catch(() => {}),
    ])
    timer.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#queues.values()].map((queue) => queue.sending))
  }

  #start(queue: Queue): void {
    if (queue.journal.length === 0) return
    queue.sending ??= this.#drain(queue).finally(() => {
      queue.sending = undefined
    })
  }

  async #drain(queue: Queue): Promise<void> {
    // What happens in this moment is told together.
    await Promise.resolve()
    const { journal } = queue
    for (let failures = 0; journal.length > 0 && !this.#gone(queue); ) {
      const { events, upTo } = journal.next(batch)
      const fresh = events.filter((event) => Date.now() - timeOf(event) < oldest)
      if (fresh.length < events.length) {
        this.#listener.givenUp(queue.settings.url, events.length - fresh.length, "nobody took them for a day")
      }
      const why = fresh.length > 0 ? await this.#send(queue.settings, fresh) : undefined
      if (why === undefined) {
        journal.forget(upTo)
        failures = 0
        continue
      }
      if (failures === 0) this.#listener.failing(queue.settings.url, why)
      const delay = Math.min(firstDelay * 2 ** failures++, longestDelay)
      await pause(delay, undefined, { signal: this.#stop.signal }).catch(() => {})
    }
  }

  /** Whether nothing is to be sent to an address any more. */
  #gone(queue: Queue): boolean {
    return this.#stop.signal.aborted || ![...this.#queues.values()].includes(queue)
  }

  /** @returns why it was not taken */
  async #send(settings: WebhookSettings, events: readonly string[]): Promise<string | undefined> {
    try {
      const answer = await fetch(settings.url, {
        method: "POST",
        headers: { "Content-Type": mediaType, ...settings.headers },
        body: `{"events":[${events.join(",")}]}`,
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerTime)]),
      })
      await answer.arrayBuffer()
      return answer.ok ? undefined : `it answered ${answer.status}`
    } catch (error) {
      return messageOf(error)
    }
  }
}

const timeOf = (event: string): number => Date.parse((JSON.parse(event) as { timestamp: string }).timestamp)

function readNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
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
