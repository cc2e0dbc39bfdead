import { statFields } from "../linux/pidfd.ts"

/**
 * Programs that start a container's process. `enter` keeps the new process as its child for as long as it runs itself. A
 * `runtime` may leave it to this process before that: crun works in a child of its own, which ends first.
 */
export type LaunchProgram = "enter" | "runtime"

interface Program {
  readonly kind: LaunchProgram
  readonly pid: number
  /** When it was started, in clock ticks after boot; undefined when it had ended before anybody looked. */
  readonly ticks: number | undefined
}

/** Processes that are being started, each by programs that are children of this one. */
export class Launches {
  readonly #programs = new Map<object, Program[]>()

  /** Begins a launch. Disposing ends it: its process is known, or there is none. */
  begin(): Launch {
    const programs: Program[] = []
    const key = {}
    this.#programs.set(key, programs)
    return {
      started: (pid, kind) => void programs.push({ kind, pid, ticks: ticksOf(pid, "alive") }),
      [Symbol.dispose]: () => void this.#programs.delete(key),
    }
  }

  /**
   * Whether a child that has ended may be the process of a launch, whose PID is told only at its end. A container's process
   * can hold a launch up for ever; children that are older than it are none of its own.
   */
  mayHaveLeft(child: number): boolean {
    const since = ticksOf(child, "any")
    return [...this.#programs.values()].some((programs) =>
      programs.some(({ kind, pid, ticks }) => {
        if (ticks === undefined || since === undefined) return true
        return since >= ticks && (kind === "runtime" || ticksOf(pid, "alive") !== ticks)
      }),
    )
  }
}

export interface Launch extends Disposable {
  /** Notes a program that was started for it. */
  started(pid: number, kind: LaunchProgram): void
}

/** When a process was started, in clock ticks after boot; undefined when it has gone, or is not alive and should be. */
function ticksOf(pid: number, state: "alive" | "any"): number | undefined {
  const fields = statFields(pid)
  if (!fields || (state === "alive" && (fields[0] === "Z" || fields[0] === "X"))) return undefined
  return Number(fields[19])
}
