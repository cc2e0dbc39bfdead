import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { OutputStream } from "../logs/contract.ts"

export type UnendedLines = Readonly<Record<OutputStream, Buffer>>

/** Sequence, as a double, and the length of stdout's part. */
const headerSize = 12

/**
 * Beginnings of lines that a log holds back, on disk for the next shim. Two files take turns, so that what a step found is
 * still there when a shim is killed over it.
 */
export class UnendedStore {
  readonly #folder: string
  #turn = 0
  #isEmpty = true

  /** @param folder that of the process's record */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** What the last step before the one numbered `sequence` left. */
  load(sequence: number): UnendedLines | undefined {
    const found = [0, 1].map((turn) => this.#read(turn))
    const usable = found.map((each) => (each && each.sequence < sequence ? each.sequence : -1))
    const chosen = usable[1]! > usable[0]! ? 1 : 0
    if (usable[chosen] === -1) return undefined
    this.#turn = 1 - chosen
    this.#isEmpty = false
    return found[chosen]!.lines
  }

  /** Notes what the step numbered `sequence` leaves, before that step ends. On a full disk it is as if there were no store. */
  save(sequence: number, { stdout, stderr }: UnendedLines): void {
    const isEmpty = stdout.length + stderr.length === 0
    if (isEmpty && this.#isEmpty) return
    this.#isEmpty = isEmpty
    const header = Buffer.alloc(headerSize)
    header.writeDoubleLE(sequence, 0)
    header.writeUInt32LE(stdout.length, 8)
    try {
      writeFileSync(this.#path(this.#turn), Buffer.concat([header, stdout, stderr]), { mode: 0o600 })
    } catch {
      // The lines are complete as long as this process lives.
    }
    this.#turn = 1 - this.#turn
  }

  #read(turn: number): { readonly sequence: number; readonly lines: UnendedLines } | undefined {
    try {
      const bytes = readFileSync(this.#path(turn))
      const end = headerSize + bytes.readUInt32LE(8)
      const lines = { stdout: bytes.subarray(headerSize, end), stderr: bytes.subarray(end) }
      return { sequence: bytes.readDoubleLE(0), lines }
    } catch {
      return undefined
    }
  }

  #path(turn: number): string {
    return join(this.#folder, `unended-${turn}`)
  }
}
