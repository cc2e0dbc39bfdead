import { closeSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { growPipe, pipe, setNonBlocking } from "../linux/descriptor.ts"
import { memoryFile, memoryProgram } from "../linux/memory-file.ts"
import { copyDescriptor, openPidfd, sendSignal, startTicks, statFields } from "../linux/pidfd.ts"
import { growSendBuffer, socketPair } from "../linux/socket.ts"
import { spawn } from "../linux/spawn.ts"
import { idleProgram } from "../linux/syscall-program.ts"
import { maxChunk } from "./logs/writer.ts"
import { transitSize } from "./transit.ts"

/** What outlives a shim that is killed. All of it stays the holder's. */
export interface HeldDescriptors {
  /** A socket pair: messages with descriptors that are sent into one end wait in the other for ever. */
  readonly sender: number
  readonly store: number
  /** The pipe and the memory of {@link Transit}. */
  readonly stagingReader: number
  readonly stagingWriter: number
  readonly transit: number
}

const names = ["sender", "store", "stagingReader", "stagingWriter", "transit"] as const

/** Number of the first of {@link names} in the holder; below it is its stdio. */
const firstNumber = 3

/** Room for the messages of some ten thousand processes. */
const storeSize = 64 * 1024 * 1024

/**
 * A process of a few pages without code of its own: it keeps descriptors open while no shim and no daemon lives, since the
 * kernel drops what is in a pipe with the last descriptor. One for all containers of a run root. The next shim finds it by
 * its PID and copies the descriptors from it (pidfd_getfd(2)).
 */
export class Holder {
  readonly held: HeldDescriptors
  readonly #file: string
  readonly #journal: (line: string) => void
  #identity: HolderIdentity | undefined
  #closed = false

  /** Finds the run root's holder, or starts one. Without one everything works, until shim and daemon are killed at once. */
  constructor(folder: string, journal: (line: string) => void) {
    this.#file = join(folder, "holder.json")
    this.#journal = journal
    const found = livingHolder(this.#file)
    const held = found && copyHeld(found.pid)
    this.#identity = held && found
    this.held = held ?? makeHeld()
    if (!this.#identity) this.#start()
  }

  /** Starts another one if it has been killed. Call now and then. */
  check(): void {
    if (this.#closed || livingHolder(this.#file)) return
    if (!this.#identity || !isAlive(this.#identity)) this.#start()
    // Its record was lost, or there was no room for one: the next shim could not find it.
    else this.#record(this.#identity)
  }

  /** Ends the holder, when nothing is to be kept any more. */
  close(): void {
    this.#closed = true
    if (this.#identity && isAlive(this.#identity)) kill(this.#identity.pid)
    rmSync(this.#file, { force: true })
    for (const name of names) closeSync(this.held[name])
  }

  #start(): void {
    try {
      using program = memoryProgram("barge-holder", idleProgram())
      const { pid } = spawn({
        command: [program.path],
        name: `barge-holder ${dirname(this.#file)}`,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
        more: names.map((name) => this.held[name]),
        env: {},
      })
      this.#identity = { pid, startTicks: startTicks(pid) }
      this.#record(this.#identity)
    } catch (error) {
      this.#journal(`no holder of descriptors: ${(error as Error).message}`)
    }
  }

  #record(identity: HolderIdentity): void {
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify(identity), { mode: 0o600 })
      renameSync(`${this.#file}.new`, this.#file)
    } catch (error) {
      this.#journal(`the holder of descriptors cannot be recorded: ${(error as Error).message}`)
    }
  }
}

/** The start tells the process from a later one with the same PID. */
interface HolderIdentity {
  readonly pid: number
  readonly startTicks: string | undefined
}

/** The holder that `file` names, if it lives. */
function livingHolder(file: string): HolderIdentity | undefined {
  try {
    const identity = JSON.parse(readFileSync(file, "utf8")) as HolderIdentity
    return isAlive(identity) ? identity : undefined
  } catch {
    return undefined
  }
}

function isAlive({ pid, startTicks: ticks }: HolderIdentity): boolean {
  const fields = statFields(pid)
  return fields !== undefined && fields[0] !== "Z" && fields[19] === ticks
}

/** @returns undefined when it may not be done, or the holder is one of another layout */
function copyHeld(pid: number): HeldDescriptors | undefined {
  const copies: number[] = []
  try {
    for (const index of names.keys()) copies.push(copyDescriptor(pid, firstNumber + index))
  } catch {
    for (const copy of copies) closeSync(copy)
    kill(pid)
    return undefined
  }
  return Object.fromEntries(names.map((name, index) => [name, copies[index]!])) as unknown as HeldDescriptors
}

function makeHeld(): HeldDescriptors {
  const [sender, store] = socketPair("stream")
  setNonBlocking(sender, true)
  growSendBuffer(sender, storeSize)
  const [stagingReader, stagingWriter] = pipe()
  growPipe(stagingReader, 4 * maxChunk)
  setNonBlocking(stagingReader, true)
  return { sender, store, stagingReader, stagingWriter, transit: memoryFile("barge-transit", transitSize) }
}

function kill(pid: number): void {
  try {
    const pidfd = openPidfd(pid)
    sendSignal(pidfd, 9)
    closeSync(pidfd)
  } catch {
    // It has gone.
  }
}
