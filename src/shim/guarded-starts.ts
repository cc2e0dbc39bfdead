import { closeSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import type { Cgroup } from "../linux/cgroup-contract.ts"
import { until } from "../linux/cgroup-files.ts"
import { openPidfd, sendSignal } from "../linux/pidfd.ts"
import type { LaunchRequest } from "../runtime/contract.ts"
import type { StartGuard } from "./contract.ts"

/** How long a guarded start may take, in milliseconds. It takes some 30; one that waits for a frozen process never ends. */
const longest = 20_000

type Launching = Required<Pick<LaunchRequest, "programStarted">>

export interface GuardedStartsOptions {
  /** Holds a file for every start that is under way. */
  readonly folder: string
  readonly cgroup: (path: string) => Cgroup
  readonly journal: (line: string) => void
}

/**
 * Starts during which others are frozen. A file says which, from before the first one is until the last one is not: the shim
 * that comes after one that was killed ends the start, and then thaws them.
 */
export class GuardedStarts {
  readonly #options: GuardedStartsOptions
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: GuardedStartsOptions) {
    this.#options = options
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  }

  /** Ends the starts that an earlier shim was killed in. Call before anything is served. */
  async recover(): Promise<void> {
    const { folder, cgroup, journal } = this.#options
    for (const name of readdirSync(folder)) {
      const file = join(folder, name)
      try {
        const { own, frozen } = JSON.parse(readFileSync(file, "utf8")) as StartGuard
        await this.#end(own)
        await this.#thaw(frozen.map(cgroup))
      } catch (error) {
        // It was not whole: then nothing had been frozen.
        journal(`${file}: ${messageOf(error)}`)
      }
      rmSync(file, { force: true })
    }
  }

  /** Resolves when none of those that are under way now is any more. */
  async over(): Promise<void> {
    await Promise.allSettled([...this.#running])
  }

  /**
   * Runs a start, while the guard's groups are frozen if there is one.
   * @param start tells of each program that works for it, a child of this process; when it takes too long, all of them are
   *   killed, and everything in the container's group
   * @throws unavailable when a group cannot be frozen, or the start took too long; what `start` throws
   */
  async run<L extends Launching, T>(
    id: string,
    guard: StartGuard | undefined,
    launching: L,
    start: (launching: L & { readonly guarded?: boolean }) => Promise<T>,
  ): Promise<T> {
    if (!guard) return await start(launching)
    const run = this.#run(id, guard, (program) => {
      const programStarted: Launching["programStarted"] = (pid, kind) => {
        launching.programStarted(pid, kind)
        program(pid)
      }
      return start({ ...launching, programStarted, guarded: true })
    })
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  async #run<T>(id: string, guard: StartGuard, start: (program: (pid: number) => void) => Promise<T>): Promise<T> {
    const file = join(this.#options.folder, `${id}.json`)
    const groups = guard.frozen.map(this.#options.cgroup)
    writeFileSync(`${file}.new`, JSON.stringify(guard), { mode: 0o600 })
    renameSync(`${file}.new`, file)
    try {
      for (const group of groups) await freeze(group)
      return await this.#inTime(guard, start)
    } finally {
      await this.#thaw(groups)
      rmSync(file, { force: true })
    }
  }

  async #inTime<T>({ own, frozen }: StartGuard, start: (program: (pid: number) => void) => Promise<T>): Promise<T> {
    const programs: number[] = []
    const late = Promise.withResolvers<never>()
    late.promise.catch(() => {})
    let expired = false
    const timer = setTimeout(async () => {
      expired = true
      for (const pidfd of programs) kill(pidfd)
      await this.#end(own)
      late.reject(
        new Failure(
          "unavailable",
          `the container did not start within ${longest / 1000} s, while ${frozen.join(", ")} was held so as not to trace it: it may have waited for a file that is served there`,
        ),
      )
    }, longest)
    try {
      const started = start((pid) => programs.push(openPidfd(pid)))
      // A process that the kernel does not let go of must not keep others frozen: it has been killed, and never runs again.
      return await Promise.race([started.finally(() => (expired ? late.promise : undefined)), late.promise])
    } finally {
      clearTimeout(timer)
      for (const pidfd of programs) closeSync(pidfd)
    }
  }

  /** Ends everything in a group. */
  async #end(path: string): Promise<void> {
    const group = this.#options.cgroup(path)
    const hasEnded = () => {
      if (!group.exists()) return true
      group.kill()
      return group.pids().length === 0
    }
    await until(hasEnded, `ending ${path}`).catch((error) => this.#options.journal(messageOf(error)))
  }

  async #thaw(groups: readonly Cgroup[]): Promise<void> {
    for (const group of groups) {
      try {
        if (group.exists()) await group.thaw()
      } catch (error) {
        if (group.exists()) this.#options.journal(`${group.path} stays frozen: ${messageOf(error)}`)
      }
    }
  }
}

async function freeze(group: Cgroup): Promise<void> {
  try {
    if (group.exists()) await group.freeze()
  } catch (error) {
    if (group.exists()) throw error
  }
}

function kill(pidfd: number): void {
  try {
    sendSignal(pidfd, 9)
  } catch {
    // It has ended.
  }
}
