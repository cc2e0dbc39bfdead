import { closeSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openInputPipe, openOutputPipe, openPipeOf, pipeIdentity } from "../linux/anonymous-pipe.ts"
import { makeFifo, openFifoBoth, openFifoInput, openFifoReader, openFifoWriter } from "../linux/fifo.ts"
import type { NullDevices } from "../linux/null-device.ts"
import type { OutputStream } from "./contract.ts"

/**
 * Makes the pipes of a process's stdio, and finds them again when this program was killed. The process's own ends of its
 * outputs are open for both directions, so that it lives on, waiting, while nobody reads.
 */
export interface StdioEnds {
  /** Prepares what there has to be before the process is started. */
  create(): void
  /** An output: our end, and the process's. */
  output(stream: OutputStream): { readonly reader: number; readonly both: number }
  /** Stdin: the process's end, and ours. */
  input(): { readonly reader: number; readonly writer: number }
  /** What a process without stdin gets as such. */
  noInput(): number | "ignore"
  /** Our end of an output of a process that runs; undefined when it cannot be had any more. */
  outputAgain(stream: OutputStream): number | undefined
  inputAgain(): number | undefined
  /** Removes what lies on disk. */
  remove(): void
}

/** Named pipes in a folder: found by their names whoever else lives. */
export class NamedPipes implements StdioEnds {
  readonly #folder: string
  readonly #stdin: boolean
  readonly #nullDevices: NullDevices

  constructor(folder: string, stdin: boolean, nullDevices: NullDevices) {
    this.#folder = folder
    this.#stdin = stdin
    this.#nullDevices = nullDevices
  }

  create(): void {
    for (const stream of ["stdout", "stderr"] as const) makeFifo(join(this.#folder, stream))
    if (this.#stdin) makeFifo(join(this.#folder, "stdin"))
  }

  output(stream: OutputStream): { readonly reader: number; readonly both: number } {
    const path = join(this.#folder, stream)
    const reader = openFifoReader(path)
    try {
      return { reader, both: openFifoBoth(path) }
    } catch (error) {
      closeSync(reader)
      throw error
    }
  }

  input(): { readonly reader: number; readonly writer: number } {
    return openFifoInput(join(this.#folder, "stdin"))
  }

  noInput(): number | "ignore" {
    try {
      return this.#nullDevices.open()
    } catch (error) {
      // Who may not make devices has not got the right to give the host's away either.
      if (["EPERM", "ENOSYS"].includes((error as { code?: string }).code ?? "")) return "ignore"
      throw error
    }
  }

  outputAgain(stream: OutputStream): number | undefined {
    return openIfThere(() => openFifoReader(join(this.#folder, stream)))
  }

  inputAgain(): number | undefined {
    return openIfThere(() => openFifoWriter(join(this.#folder, "stdin")))
  }

  remove(): void {
    for (const name of ["stdin", "stdout", "stderr"]) rmSync(join(this.#folder, name), { force: true })
  }
}

/** The pipes of a process's stdio by the numbers that tell them from others. */
export interface PipeIdentities {
  readonly stdin?: string
  readonly stdout?: string
  readonly stderr?: string
}

const numbers = { stdin: 0, stdout: 1, stderr: 2 } as const

/**
 * Pipes without names: the only ones that a restored process can be given anew (CRIU knows files that it inherits by
 * `pipe:[INODE]`). Without their descriptors they are found where init has them: those of an init that has closed its own,
 * or put something else there, are lost.
 */
export class NamelessPipes implements StdioEnds {
  readonly #made: Record<string, string> = {}
  readonly #known: PipeIdentities
  readonly #pid: number | undefined

  /** @param earlier of a process that runs already */
  constructor(earlier: { readonly pid: number | undefined; readonly pipes: PipeIdentities }) {
    this.#pid = earlier.pid
    this.#known = earlier.pipes
  }

  /** Of the pipes made here. */
  get identities(): PipeIdentities {
    return this.#made
  }

  create(): void {}

  output(stream: OutputStream): { readonly reader: number; readonly both: number } {
    const ends = openOutputPipe()
    this.#made[stream] = pipeIdentity(ends.reader)
    return ends
  }

  input(): { readonly reader: number; readonly writer: number } {
    const ends = openInputPipe()
    this.#made["stdin"] = pipeIdentity(ends.reader)
    return ends
  }

  /** The host's /dev/null: CRIU finds no device that is mounted nowhere, and runc, which calls it, leaves its owner alone. */
  noInput(): "ignore" {
    return "ignore"
  }

  outputAgain(stream: OutputStream): number | undefined {
    return this.#again(stream, "read")
  }

  inputAgain(): number | undefined {
    return this.#again("stdin", "write")
  }

  remove(): void {}

  #again(name: keyof PipeIdentities, end: "read" | "write"): number | undefined {
    const identity = this.#known[name]
    if (this.#pid === undefined || identity === undefined) return undefined
    return openPipeOf(this.#pid, numbers[name], identity, end)
  }
}

function openIfThere(open: () => number): number | undefined {
  try {
    return open()
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === "ENOENT" || code === "ENXIO") return undefined
    throw error
  }
}
