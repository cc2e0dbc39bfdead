import { closeSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { messageOf } from "../errors/failure.ts"
import { memoryProgram } from "../linux/memory-file.ts"
import { sendSignal, startTicks, statFields } from "../linux/pidfd.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"
import { spawn } from "../linux/spawn.ts"
import { idleProgram } from "../linux/syscall-program.ts"
import { pidfdOf } from "./exit-watch.ts"
import { closeHeld, copyHeld, type HeldDescriptors, heldNames, makeHeld } from "./held-descriptors.ts"

/** Starts of holders that end at once, or cannot be started, lie so far apart at first and at last; milliseconds. */
const shortestPause = 100
const longestPause = 10_000

/** The start tells the process from a later one with the same PID. */
interface HolderIdentity {
  readonly pid: number
  readonly startTicks: string | undefined
}

/** What the next image of this program needs. */
export interface HandedHolder {
  readonly held: HeldDescriptors
  readonly identity?: HolderIdentity
}

export interface HolderOptions {
  readonly reactor: Pick<Reactor, "watch">
  /** The shim's folder on the run root: the holder is recorded there. */
  readonly folder: string
  readonly journal: (line: string) => void
  /** From an earlier image of this program. */
  readonly handed?: HandedHolder | undefined
}

/**
 * A process of a few pages without code of its own: it keeps descriptors open while no shim and no daemon lives, since the
 * kernel drops what is in a pipe with the last descriptor. One for all containers of a run root. The next shim finds it by
 * its PID and copies the descriptors from it (pidfd_getfd(2)). The shim has all of them open as well: when the holder is
 * killed, another one is started at once.
 */
export class Holder {
  readonly held: HeldDescriptors
  readonly #options: HolderOptions
  readonly #file: string
  #identity: HolderIdentity | undefined
  #watched: { readonly pidfd: number; readonly watch: Watch } | undefined
  /** When the latest was started, or could not be, by the clock of `performance.now()`. */
  #startedAt = Number.NEGATIVE_INFINITY
  #pause = shortestPause
  #retry: ReturnType<typeof setTimeout> | undefined
  #complaint = ""
  #closed = false

  /** Finds the run root's holder, or starts one. Without one everything works, until shim and daemon are killed at once. */
  constructor(options: HolderOptions) {
    this.#options = options
    this.#file = join(options.folder, "holder.json")
    const { held, identity } = options.handed ?? takeOver(this.#file) ?? { held: makeHeld() }
    this.held = held
    this.#identity = identity
    this.#observe()
  }

  /** For the next image, which inherits the descriptors. */
  handOver(): HandedHolder {
    return { held: this.held, ...(this.#identity ? { identity: this.#identity } : {}) }
  }

  /** Records the holder again where its record was lost, or there was no room for one. Call now and then. */
  check(): void {
    if (this.#closed || this.#retry) return
    if (!this.#watched) this.#observe()
    const recorded = recordedIn(this.#file)
    if (this.#identity && (!recorded || !isSame(recorded, this.#identity))) this.#record(this.#identity)
  }

  /** Ends the holder, when nothing is to be kept any more. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    if (this.#watched) killWith(this.#watched.pidfd)
    else if (this.#identity) kill(this.#identity)
    this.#unwatch()
    rmSync(this.#file, { force: true })
    closeHeld(this.held)
  }

  /** Waits for the holder's end, or starts one if there is none. */
  #observe(): void {
    const { pid, startTicks: ticks } = this.#identity ?? {}
    const pidfd = pid === undefined ? undefined : pidfdOf(pid, ticks)
    if (pidfd === undefined) {
      // One that lives and cannot be watched, since no descriptor is free, is looked at again by `check`.
      if (!this.#identity || !isAlive(this.#identity)) this.#ended()
      return
    }
    const watch = this.#options.reactor.watch(pidfd, () => {
      this.#options.journal(`the holder of descriptors (PID ${pid}) has ended, and is started again`)
      this.#ended()
    })
    this.#watched = { pidfd, watch }
    watch.want(readiness.read)
  }

  /** Starts another one: at once, unless the last start is too short a time ago. */
  #ended(): void {
    this.#unwatch()
    this.#identity = undefined
    const lived = performance.now() - this.#startedAt
    if (lived >= this.#pause) {
      this.#pause = shortestPause
      this.#start()
      return
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#start()
    }, this.#pause - lived)
    this.#pause = Math.min(2 * this.#pause, longestPause)
  }

  #start(): void {
    try {
      this.#identity = this.#spawn()
      if (this.#complaint) this.#options.journal("a holder of descriptors runs again")
      this.#complaint = ""
      this.#record(this.#identity)
    } catch (error) {
      this.#complain(`no holder of descriptors: ${messageOf(error)}`)
    }
    this.#startedAt = performance.now()
    this.#observe()
  }

  /** @throws when there is no room for a process */
  #spawn(): HolderIdentity {
    using program = memoryProgram("barge-holder", idleProgram())
    const { pid } = spawn({
      command: [program.path],
      name: `barge-holder ${dirname(this.#file)}`,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      more: heldNames.map((name) => this.held[name]),
      env: {},
    })
    return { pid, startTicks: startTicks(pid) }
  }

  #record(identity: HolderIdentity): void {
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify(identity), { mode: 0o600 })
      renameSync(`${this.#file}.new`, this.#file)
    } catch (error) {
      this.#complain(`the holder of descriptors cannot be recorded: ${messageOf(error)}`)
    }
  }

  #unwatch(): void {
    this.#watched?.watch.close()
    if (this.#watched) closeSync(this.#watched.pidfd)
    this.#watched = undefined
  }

  /** Says each trouble once. */
  #complain(complaint: string): void {
    if (complaint !== this.#complaint) this.#options.journal(complaint)
    this.#complaint = complaint
  }
}

/** The living holder that `file` names, with copies of what it holds. One that cannot be used is ended. */
function takeOver(file: string): HandedHolder | undefined {
  const identity = recordedIn(file)
  if (!identity || !isAlive(identity)) return undefined
  const held = copyHeld(identity.pid)
  if (held) return { held, identity }
  kill(identity)
  return undefined
}

function recordedIn(file: string): HolderIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as HolderIdentity
  } catch {
    return undefined
  }
}

const isSame = (one: HolderIdentity, other: HolderIdentity): boolean =>
  one.pid === other.pid && one.startTicks === other.startTicks

function isAlive({ pid, startTicks: ticks }: HolderIdentity): boolean {
  const fields = statFields(pid)
  return fields !== undefined && fields[0] !== "Z" && fields[19] === ticks
}

function kill({ pid, startTicks: ticks }: HolderIdentity): void {
  const pidfd = pidfdOf(pid, ticks)
  if (pidfd === undefined) return
  killWith(pidfd)
  closeSync(pidfd)
}

function killWith(pidfd: number): void {
  try {
    sendSignal(pidfd, 9)
  } catch {
    // It has gone.
  }
}
