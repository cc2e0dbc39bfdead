import { Failure } from "../../errors/failure.ts"
import { WorkerCalls } from "../../std/worker-calls.ts"
import type { FileCalls } from "./calls.ts"

/** How long a call may take until its thread counts as held up, in milliseconds. */
const patience = 1000

/** How many threads there may be, each with memory of its own. Beyond that they are shared. */
const mostThreads = 16

/** A thread for files, with what it has been asked and has not answered. */
export class FileThread implements Disposable {
  readonly #calls = new WorkerCalls<FileCalls>("core/files/files")
  /** When each call was made that is not answered, the oldest first; milliseconds of the monotonic clock. */
  readonly #unanswered = new Set<{ readonly since: number }>()
  #holds = 0

  async call<Name extends keyof FileCalls & string>(
    name: Name,
    request: FileCalls[Name]["request"],
  ): Promise<FileCalls[Name]["answer"]> {
    const call = { since: performance.now() }
    this.#unanswered.add(call)
    try {
      return await this.#calls.call(name, request)
    } finally {
      this.#unanswered.delete(call)
    }
  }

  /** Whether nothing is asked of it. */
  get isFree(): boolean {
    return this.#unanswered.size === 0 && this.#holds === 0
  }

  /** Whether the kernel does not come back from a call: a container may serve files itself and never answer for them. */
  get isHeldUp(): boolean {
    const [oldest] = this.#unanswered
    return oldest !== undefined && performance.now() - oldest.since > patience
  }

  /** Keeps the thread, with what it has in memory from one call to the next. */
  hold(): Disposable {
    const hold = this.#calls.hold()
    this.#holds++
    return {
      [Symbol.dispose]: () => {
        this.#holds--
        hold[Symbol.dispose]()
      },
    }
  }

  [Symbol.dispose](): void {
    this.#calls[Symbol.dispose]()
  }
}

/** Threads for files, one for each piece of work, so that files of a container that never answer hold up no other work. */
export class FileThreads implements Disposable {
  readonly #threads: FileThread[] = []

  /** @throws unavailable when every thread is held up */
  choose(): FileThread {
    const free = this.#threads.find((thread) => thread.isFree)
    if (free) return free
    if (this.#threads.length < mostThreads) {
      const thread = new FileThread()
      this.#threads.push(thread)
      return thread
    }
    const shared = this.#threads.find((thread) => !thread.isHeldUp)
    if (shared) return shared
    throw new Failure(
      "unavailable",
      `${mostThreads} requests for files wait for file systems that do not answer; end the containers that serve them`,
    )
  }

  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread[Symbol.dispose]()
  }
}
