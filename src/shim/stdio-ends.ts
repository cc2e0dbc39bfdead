import { openInputPipe, openOutputPipe, openPipeOf, pipeIdentity } from "../linux/anonymous-pipe.ts"
import type { NullDevices } from "../linux/null-device.ts"
import type { OutputStream } from "../logs/contract.ts"

/** Inode numbers of the pipes of a process's stdio, decimal. */
export interface PipeIdentities {
  readonly stdin?: string
  readonly stdout?: string
  readonly stderr?: string
}

export interface StdioEndsOptions {
  /** The process, if it runs already. */
  readonly pid: number | undefined
  /** The pipes that it was started with. */
  readonly pipes: PipeIdentities
  /** Where a process without stdin gets a null device from; without it, the host's /dev/null. */
  readonly nullDevices: NullDevices | undefined
}

const numbers = { stdin: 0, stdout: 1, stderr: 2 } as const

/**
 * Makes the pipes of a process's stdio, and finds them again after this program was killed. They have no names: a container
 * that looks at its own descriptors learns nothing of the host's paths, and CRIU can give them to a restored process anew.
 * When every descriptor of ours is lost they are found where the process has them, unless it has closed its own or put
 * something else there.
 */
export class StdioEnds {
  readonly #made: { -readonly [name in keyof PipeIdentities]: string } = {}
  readonly #options: StdioEndsOptions

  constructor(options: StdioEndsOptions) {
    this.#options = options
  }

  /** The pipes made here. */
  get identities(): PipeIdentities {
    return this.#made
  }

  /**
   * Makes an output. The process's end is open for both directions, so that its writes wait, instead of failing, while
   * nobody reads.
   */
  output(stream: OutputStream): { readonly reader: number; readonly both: number } {
    const ends = openOutputPipe()
    this.#made[stream] = pipeIdentity(ends.reader)
    return ends
  }

  /** Makes stdin: the process's end, and ours. */
  input(): { readonly reader: number; readonly writer: number } {
    const ends = openInputPipe()
    this.#made.stdin = pipeIdentity(ends.reader)
    return ends
  }

  /** Opens what a process without stdin gets as such. */
  noInput(): number | "ignore" {
    try {
      return this.#options.nullDevices?.open() ?? "ignore"
    } catch (error) {
      // Without the right to make devices there is none to give the host's away either.
      if (["EPERM", "ENOSYS"].includes((error as { code?: string }).code ?? "")) return "ignore"
      throw error
    }
  }

  /** Opens our end of an output of the running process anew. @returns undefined when it cannot be found any more */
  outputAgain(stream: OutputStream): number | undefined {
    return this.#again(stream, "read")
  }

  /** Opens our end of the running process's stdin anew. @returns undefined when it cannot be found any more */
  inputAgain(): number | undefined {
    return this.#again("stdin", "write")
  }

  #again(name: keyof PipeIdentities, end: "read" | "write"): number | undefined {
    const { pid, pipes } = this.#options
    const identity = pipes[name]
    if (pid === undefined || identity === undefined) return undefined
    return openPipeOf(pid, numbers[name], identity, end)
  }
}
