import { setTimeout as pause } from "node:timers/promises"
import { ConnectionFailure } from "../../distribution/connection-failure.ts"
import { RegistryError } from "../../distribution/registry-error.ts"
import type { RemoteBlob } from "../../distribution/remote-blob.ts"
import type { Repository } from "../../distribution/repository.ts"
import { delayAfter, type RetryPolicy } from "../../distribution/retry.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { Semaphore } from "../../std/semaphore.ts"
import type { ContentStore, GrowingBlob, Ingest } from "../content/contract.ts"
import type { LeaseStore } from "../leases/contract.ts"
import type { Scope } from "../scope.ts"
import { Growth } from "./growth.ts"
import type { TransferStep } from "./progress.ts"
import { inRanges, type RangeOptions } from "./ranges.ts"
import { addSource } from "./sources.ts"

type Tell = (step: TransferStep) => void

interface Download {
  readonly listeners: Set<Tell>
  readonly done: Promise<void>
  readonly abort: AbortController
  last: TransferStep | undefined
  /** Settled with the file once there is one. */
  readonly growth: PromiseWithResolvers<Growth>
}

/** Fetches blobs of registries into the content store: each once however many ask, resumed where an earlier try has ended. */
export class BlobFetcher {
  readonly #content: ContentStore
  readonly #leases: LeaseStore
  readonly #slots: Semaphore
  readonly #retries: RetryPolicy
  readonly #ranges: RangeOptions
  readonly #running = new Map<string, Download>()

  constructor(options: {
    readonly content: ContentStore
    readonly leases: LeaseStore
    readonly atOnce: number
    readonly retries: RetryPolicy
    readonly ranges: RangeOptions
  }) {
    this.#content = options.content
    this.#leases = options.leases
    this.#slots = new Semaphore(options.atOnce)
    this.#retries = options.retries
    this.#ranges = options.ranges
  }

  /**
   * Returns when the blob is in the store, under the scope's lease.
   * @param growing told of the file while it is on its way
   * @throws dataLoss when the registry sends other bytes; what the registry says
   */
  async fetch(
    scope: Scope,
    repository: Repository,
    blob: Descriptor,
    tell: Tell,
    growing: (blob: GrowingBlob) => void = () => {},
  ): Promise<void> {
    const key = `${scope.namespace}/${blob.digest}`
    for (;;) {
      scope.signal?.throwIfAborted()
      if (await this.#content.has(scope, blob.digest)) {
        await addSource(scope, this.#content, blob.digest, repository)
        return
      }
      const running = this.#running.get(key)
      const download = running ?? this.#start(scope, key, repository, blob)
      download.growth.promise.then(growing, () => {})
      if (!running) await this.#join(scope, download, tell)
      // Somebody else's failure may have been theirs alone (their credentials): then it is tried again.
      else await this.#join(scope, running, tell).catch(() => {})
    }
  }

  #start(scope: Scope, key: string, repository: Repository, blob: Descriptor): Download {
    const abort = new AbortController()
    const listeners = new Set<Tell>()
    const tell: Tell = (step) => {
      download.last = step
      for (const listener of listeners) listener(step)
    }
    // Of nobody's lease and signal: whoever waits may come and go.
    const own: Scope = { namespace: scope.namespace, span: scope.span, signal: abort.signal }
    const growth = Promise.withResolvers<Growth>()
    const done = Promise.resolve()
      .then(() => this.#leases.within(own, (held) => this.#download(held, repository, blob, tell, growth)))
      .catch(async (error: unknown) => {
        growth.reject(error)
        await growth.promise.then(
          (grown) => grown.break(),
          () => {},
        )
        throw error
      })
      .finally(() => {
        if (this.#running.get(key) === download) this.#running.delete(key)
      })
    done.catch(() => {})
    const download: Download = { listeners, done, abort, last: undefined, growth }
    this.#running.set(key, download)
    return download
  }

  /** Waits along; the last one to leave early ends the download. */
  async #join(scope: Scope, download: Download, tell: Tell): Promise<void> {
    const { listeners, done, abort, last } = download
    const listener: Tell = (step) => tell(step)
    listeners.add(listener)
    if (last) tell(last)
    let leave: (() => void) | undefined
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(scope.signal!.reason)
      scope.signal?.addEventListener("abort", leave, { once: true })
    })
    try {
      await Promise.race([done, left])
    } finally {
      if (leave) scope.signal?.removeEventListener("abort", leave)
      listeners.delete(listener)
      if (listeners.size === 0) abort.abort(new Failure("cancelled", "nobody waits for this download any more"))
    }
  }

  async #download(
    scope: Scope,
    repository: Repository,
    blob: Descriptor,
    tell: Tell,
    growth: PromiseWithResolvers<Growth>,
  ): Promise<void> {
    let grows: Growth | undefined
    const waiting = setTimeout(() => tell({ phase: "waiting" }), 0)
    using _slot = await this.#slots.acquire()
    clearTimeout(waiting)
    let restarted = false
    for (let attempt = 1; ; ) {
      scope.signal?.throwIfAborted()
      let progressed = false
      let resumed = false
      let source: RemoteBlob | undefined
      try {
        await using ingest = await this.#content.ingest(scope, `pull-${blob.digest}`, {
          total: blob.size,
          expected: blob.digest,
        })
        const before = ingest.status().offset
        resumed = before > 0
        if (grows?.path !== ingest.path) {
          grows?.break()
          grows = new Growth(ingest.path)
          growth.resolve(grows)
        }
        const following = grows
        const progress = (current: number) => {
          progressed = current > before
          following.reached(current)
          tell({ phase: "receiving", current, total: blob.size })
        }
        source = await this.#first(scope, repository, blob, ingest)
        if (source) await this.#receive(scope, repository, blob, ingest, source, progress)
        following.reached(ingest.status().offset)
        tell({ phase: "verifying" })
        await this.#commit(scope, repository, blob, ingest)
        tell({ phase: "received" })
        return
      } catch (error) {
        scope.signal?.throwIfAborted()
        // Whatever was wrong with what a mirror sent: the next host is asked at once.
        if (source?.reject(error)) continue
        const wrong = isKind(error, "dataLoss")
        // What was there before may have been damaged: the ingest is gone now, and a whole download decides. Once.
        if (wrong && resumed && !restarted) {
          restarted = true
          continue
        }
        if (progressed && !wrong) attempt = 1
        const refused = error instanceof ConnectionFailure && progressed
        const delay = refused ? this.#retries.firstDelay : delayAfter(this.#retries, attempt, error)
        if (delay === undefined) throw error
        attempt++
        await countDown(delay, scope.signal, tell)
      }
    }
  }

  /** Opens what is missing of the blob; undefined when all of it is there. */
  async #first(
    scope: Scope,
    repository: Repository,
    blob: Descriptor,
    ingest: Ingest,
  ): Promise<RemoteBlob | undefined> {
    const { signal } = scope
    if (ingest.status().offset > blob.size) await ingest.truncate(0)
    const from = ingest.status().offset
    if (from === blob.size) return undefined
    return await this.#open(repository, blob, from, signal).catch(async (error: unknown) => {
      if (!(error instanceof RegistryError) || error.status !== 416) throw error
      await ingest.truncate(0)
      return await this.#open(repository, blob, 0, signal)
    })
  }

  /** Writes what comes, from `first` and then from further answers where that is faster. */
  async #receive(
    scope: Scope,
    repository: Repository,
    blob: Descriptor,
    ingest: Ingest,
    first: RemoteBlob,
    progress: (current: number) => void,
  ): Promise<void> {
    const { signal } = scope
    const from = ingest.status().offset
    // Registries that know no ranges send all: what is there already is passed over.
    using unread = new DisposableStack()
    unread.defer(first.discard)
    if (first.offset > from) {
      throw new Failure("unavailable", `the registry sent ${blob.digest} from byte ${first.offset}, not ${from}`)
    }
    if (first.size !== undefined && first.size !== blob.size) {
      throw new Failure(
        "dataLoss",
        `filesystem layer verification failed for digest ${blob.digest}: the registry has ${first.size} bytes, the manifest says ${blob.size}`,
      )
    }
    unread.move()
    const range = (offset: number, length: number, stop: AbortSignal) =>
      repository.blob(blob.digest, { offset, length, signal: signal ? AbortSignal.any([signal, stop]) : stop })
    for await (const chunk of inRanges(first, from, blob.size, range, this.#ranges)) {
      signal?.throwIfAborted()
      if (ingest.status().offset + chunk.length > blob.size) {
        await ingest.truncate(0)
        throw mismatch(blob)
      }
      await ingest.write(chunk)
      progress(ingest.status().offset)
    }
    const { offset } = ingest.status()
    if (offset === blob.size) return
    // A body that was to be as long as the blob breaks off with an error; this one was something else.
    await ingest.truncate(from)
    progress(from)
    throw new ConnectionFailure(`the registry sent ${offset} of ${blob.size} bytes of ${blob.digest}`, false, undefined)
  }

  /** A layer that registries may not keep is elsewhere: its descriptor says where. */
  async #open(
    repository: Repository,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal | undefined,
  ): Promise<RemoteBlob> {
    const options = { offset, ...(signal ? { signal } : {}) }
    try {
      return await repository.blob(blob.digest, options)
    } catch (error) {
      const elsewhere = blob.urls?.filter((url) => /^https?:\/\//.test(url)) ?? []
      if (elsewhere.length === 0 || !(error instanceof RegistryError) || error.status !== 404) throw error
      return await repository.foreignBlob(elsewhere, options)
    }
  }

  async #commit(scope: Scope, repository: Repository, blob: Descriptor, ingest: Ingest): Promise<void> {
    try {
      await ingest.commit(scope, { digest: blob.digest, size: blob.size, mediaType: blob.mediaType })
    } catch (error) {
      if (isKind(error, "invalidArgument")) throw mismatch(blob)
      if (!isKind(error, "alreadyExists")) throw error
    }
    await addSource(scope, this.#content, blob.digest, repository)
  }
}

const mismatch = (blob: Descriptor) =>
  new Failure("dataLoss", `filesystem layer verification failed for digest ${blob.digest}`)

/** Waits, and tells so second by second. */
async function countDown(delay: number, signal: AbortSignal | undefined, tell: Tell): Promise<void> {
  for (let left = delay; left > 0; left -= 1000) {
    tell({ phase: "retrying", wait: left })
    await pause(Math.min(1000, left), undefined, signal ? { signal } : {})
  }
}
