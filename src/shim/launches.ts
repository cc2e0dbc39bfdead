import { statFields } from "../linux/pidfd.ts"

/** Processes that are being started, each by programs that are children of this one. */
export class Launches {
  readonly #programs = new Map<object, Map<number, string | undefined>>()

  /** Begins a launch. Disposing ends it: its process is known, or there is none. */
  begin(): Launch {
    const programs = new Map<number, string | undefined>()
    const key = {}
    this.#programs.set(key, programs)
    return {
      started: (pid) => void programs.set(pid, ticksOf(pid)),
      [Symbol.dispose]: () => void this.#programs.delete(key),
    }
  }

  /**
   * Whether a child that has ended may belong to a launch: the programs leave the new process to this one when they end, and
   * its PID is known only after that. A launch whose programs all run has left nothing here, however long a container's
   * process holds it up.
   */
  get mayHaveLeft(): boolean {
    return [...this.#programs.values()].some((programs) =>
      [...programs].some(([pid, ticks]) => ticks === undefined || ticksOf(pid) !== ticks),
    )
  }
}

export interface Launch extends Disposable {
  /** Notes a program that was started for it. */
  started(pid: number): void
}

/** When a process that has not ended was started, in clock ticks after boot; undefined when it has. */
function ticksOf(pid: number): string | undefined {
  const fields = statFields(pid)
  return fields && fields[0] !== "Z" && fields[0] !== "X" ? fields[19] : undefined
}
