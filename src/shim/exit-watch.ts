import { closeSync } from "node:fs"
import { exitOfStranger, openPidfd, reap, sendSignal, startTicks } from "../linux/pidfd.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"

/** How long the kernel may take to remember the exit of a process that somebody else has to reap, in milliseconds. */
const patience = 2000

/** Waits for the end of one process, our adopted child or not. */
export class ExitWatch {
  readonly pid: number
  readonly descriptor: number
  readonly #watch: Watch
  readonly #ended: (code: number | undefined) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #over = false

  /**
   * @param descriptor its pidfd; owned
   * @param ended told once, with the exit code, or undefined when nobody can know it
   */
  constructor(reactor: Reactor, pid: number, descriptor: number, ended: (code: number | undefined) => void) {
    this.pid = pid
    this.descriptor = descriptor
    this.#ended = ended
    this.#watch = reactor.watch(descriptor, (ready) => this.#ready(ready))
    this.#watch.want(readiness.read)
  }

  /** @throws SystemError; ESRCH when it has gone */
  signal(signal: number): void {
    sendSignal(this.descriptor, signal)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#watch.close()
    closeSync(this.descriptor)
  }

  #ready(ready: number): void {
    const code = reap(this.descriptor)
    if (typeof code === "number") {
      this.#finish(code)
    } else if (code === undefined) {
      this.#watch.want(readiness.read)
    } else {
      const known = exitOfStranger(this.descriptor, this.pid)
      // Ended, and reaped when the pidfd hangs up: then the kernel knows by now or never will.
      if (known !== undefined || ready & readiness.hangUp) {
        this.#finish(known)
        return
      }
      this.#watch.want(readiness.hangUp)
      this.#timer ??= setTimeout(() => this.#finish(exitOfStranger(this.descriptor, this.pid)), patience)
    }
  }

  #finish(code: number | undefined): void {
    if (this.#over) return
    this.close()
    this.#ended(code)
  }
}

/** A pidfd of `pid` if it is still the process that started at `ticks`. @returns undefined when that one has gone */
export function pidfdOf(pid: number, ticks: string | undefined): number | undefined {
  try {
    const descriptor = openPidfd(pid)
    if (ticks === undefined || startTicks(pid) === ticks) return descriptor
    closeSync(descriptor)
  } catch {
    // It has gone.
  }
  return undefined
}
