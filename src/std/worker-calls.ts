import { Failure, kindOf, messageOf } from "../errors/failure.ts"
import { TurnQueue } from "./turns.ts"
import { startWorker } from "./worker.ts"

/** What a Worker can be asked: for each name the request and its answer, both fit for structured cloning. */
export type CallMap = Record<string, { readonly request: unknown; readonly answer: unknown }>

export interface CallContext {
  readonly signal: AbortSignal
  /** Tells the caller how far the work is. */
  progress(value: number): void
}

type ToWorker =
  | { readonly id: number; readonly name: string; readonly request: unknown }
  | { readonly id: number; readonly abort: true }
type FromWorker =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly progress: number }
  | { readonly id: number; readonly error: { kind: Failure["kind"]; message: string; code?: string } }

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
  readonly progress?: (value: number) => void
}

/**
 * Typed calls into a Worker that is started with the first one and ended after a while without any, so that an idle
 * daemon does not pay for it: before it lets go of memory in its first quiet seconds. Failures come back with their kind. A Worker that dies fails its calls and is replaced.
 */
export class WorkerCalls<Calls extends CallMap> implements Disposable {
  readonly #name: string
  readonly #idleMs: number
  #worker: Worker | undefined
  #idle: ReturnType<typeof setTimeout> | undefined
  #next = 1
  #holds = 0
  readonly #waiting = new Map<number, Waiting>()
  readonly #turns = new TurnQueue()

  /** @param name as {@link startWorker} takes it */
  constructor(name: string, options: { readonly idleMs?: number } = {}) {
    this.#name = name
    this.#idleMs = options.idleMs ?? 3000
  }

  /** Calls under way. */
  get busy(): number {
    return this.#waiting.size
  }

  /** @throws what the handler threw, as a Failure; cancelled when `signal` aborts */
  async call<Name extends keyof Calls & string>(
    name: Name,
    request: Calls[Name]["request"],
    options: { readonly signal?: AbortSignal; readonly progress?: (value: number) => void } = {},
  ): Promise<Calls[Name]["answer"]> {
    options.signal?.throwIfAborted()
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const worker = this.#worker
    const id = this.#next++
    const abort = () => worker.postMessage({ id, abort: true } satisfies ToWorker)
    options.signal?.addEventListener("abort", abort, { once: true })
    if (this.#waiting.size === 0) worker.ref()
    try {
      const answer = await new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject, progress: options.progress })
        worker.postMessage({ id, name, request } satisfies ToWorker)
      })
      // Answers may come by the hundred at one moment, and each is followed by work of its caller.
      await this.#turns.enter()
      return answer
    } finally {
      options.signal?.removeEventListener("abort", abort)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#rest()
    }
  }

  /** Keeps the Worker alive between calls: for what it holds in memory from one call to the next. */
  hold(): Disposable {
    this.#holds++
    clearTimeout(this.#idle)
    return {
      [Symbol.dispose]: () => {
        this.#holds--
        if (this.#waiting.size === 0) this.#rest()
      },
    }
  }

  #rest(): void {
    this.#worker?.unref()
    clearTimeout(this.#idle)
    if (this.#holds > 0) return
    this.#idle = setTimeout(() => this.#end(), this.#idleMs)
    this.#idle.unref()
  }

  #end(): void {
    this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    const worker = startWorker(this.#name)
    worker.onmessage = (message: MessageEvent<FromWorker>) => {
      const answer = message.data
      const waiting = this.#waiting.get(answer.id)
      if (!waiting) return
      if ("progress" in answer) waiting.progress?.(answer.progress)
      else if ("error" in answer) {
        const { kind, message: text, code } = answer.error
        waiting.reject(Object.assign(new Failure(kind, text), code ? { code } : {}))
      } else waiting.resolve(answer.answer)
    }
    worker.onerror = (event) => {
      if (this.#worker !== worker) return
      this.#end()
      this.#failAll(`the thread ${this.#name} died: ${event.message}`)
    }
    return worker
  }

  #failAll(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Failure("internal", message))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#idle)
    this.#end()
    this.#failAll(`the thread ${this.#name} was ended`)
  }
}

declare const self: Worker

/** The Worker's side: answers calls by `handlers`, several at a time when they wait. */
export function serveCalls<Calls extends CallMap>(
  handlers: {
    readonly [Name in keyof Calls]: (
      request: Calls[Name]["request"],
      context: CallContext,
    ) => Promise<Calls[Name]["answer"]> | Calls[Name]["answer"]
  },
): void {
  const running = new Map<number, AbortController>()
  self.onmessage = async (message: MessageEvent<ToWorker>) => {
    const call = message.data
    if ("abort" in call) {
      running.get(call.id)?.abort(new Failure("cancelled", "the operation was cancelled"))
      return
    }
    const controller = new AbortController()
    running.set(call.id, controller)
    const post = (answer: FromWorker) => self.postMessage(answer)
    try {
      const answer = await handlers[call.name as keyof Calls](call.request as Calls[keyof Calls]["request"], {
        signal: controller.signal,
        progress: (value) => post({ id: call.id, progress: value }),
      })
      post({ id: call.id, answer })
    } catch (error) {
      const code = (error as { code?: unknown } | null)?.code
      post({
        id: call.id,
        error: { kind: kindOf(error), message: messageOf(error), ...(typeof code === "string" ? { code } : {}) },
      })
    } finally {
      running.delete(call.id)
    }
  }
}
