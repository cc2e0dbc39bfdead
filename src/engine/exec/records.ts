import type { ExecCreateRequest } from "../../api/exec.ts"
import type { ContainerContext } from "../containers/context.ts"
import type { Container } from "../containers/record/container.ts"

/** An exec of the engine. It lives in memory: until its container ends or is started again, or some minutes after its own end. */
export interface ExecRecord {
  readonly id: string
  readonly containerId: string
  readonly request: ExecCreateRequest
  readonly detachKeys: Uint8Array
  status: "created" | "starting" | "running" | "ended"
  pid: number
  exitCode: number | null
  /** Resolves when the process runs, or could not be started. */
  readonly started: PromiseWithResolvers<void>
  /** Resolves when it has ended and its exit code is known. */
  readonly ended: PromiseWithResolvers<void>
}

/** How long an exec that has ended can be inspected, in milliseconds: with Docker five to ten minutes. */
const remembered = 5 * 60_000

/** How many execs that have ended can be inspected: an exec every few milliseconds must not fill the memory. */
const mostEnded = 1000

/** Every exec by ID. Those that have ended are forgotten after a while, the oldest first. */
export class ExecRecords {
  readonly #byId = new Map<string, ExecRecord>()
  readonly #ended = new Map<ExecRecord, number>()
  readonly #forgotten: (record: ExecRecord) => void
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param forgotten called for each exec that is forgotten for its age */
  constructor(forgotten: (record: ExecRecord) => void) {
    this.#forgotten = forgotten
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: string): ExecRecord | undefined {
    return this.#byId.get(id)
  }

  add(record: ExecRecord): void {
    this.#byId.set(record.id, record)
  }

  delete(id: string): void {
    const record = this.#byId.get(id)
    if (!record) return
    this.#byId.delete(id)
    this.#ended.delete(record)
  }

  /** Notes that `record` has ended, which it says itself by now. */
  ended(record: ExecRecord): void {
    if (!this.#byId.has(record.id) || this.#ended.has(record)) return
    this.#ended.set(record, Date.now())
    if (this.#ended.size > mostEnded) this.#forgetOldest()
    this.#timer ??= this.#sweepIn(remembered)
  }

  #sweepIn(milliseconds: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#sweep(), milliseconds)
    timer.unref()
    return timer
  }

  #sweep(): void {
    this.#timer = undefined
    const now = Date.now()
    for (const [, at] of this.#ended) {
      if (at + remembered > now) {
        this.#timer = this.#sweepIn(at + remembered - now)
        return
      }
      this.#forgetOldest()
    }
  }

  #forgetOldest(): void {
    const [oldest] = this.#ended.keys()
    if (!oldest) return
    this.delete(oldest.id)
    this.#forgotten(oldest)
  }
}

/** Forgets a container's execs that never ran when its run ends; those that did keep their exit code until the next one. */
export function endExecs(context: ContainerContext, container: Container): void {
  for (const id of container.execIds) {
    const record = context.execs.get(id)
    if (!record) continue
    if (container.removed || record.status === "created") {
      context.execs.delete(id)
      container.execIds.delete(id)
    } else if (record.status === "running" || record.status === "starting") {
      record.status = "ended"
      record.exitCode ??= 137
      record.ended.resolve()
      context.execs.ended(record)
    }
  }
}

/** Forgets the execs of earlier runs when a new one begins. */
export function forgetExecs(context: ContainerContext, container: Container): void {
  for (const id of container.execIds) context.execs.delete(id)
  container.execIds.clear()
}
