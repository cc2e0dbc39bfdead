import { assemble, type Row, rowSize, tableAddress } from "./syscall-image.ts"
import { record } from "./syscall-machine.ts"
import { rowsOf, type Step } from "./syscall-program.ts"

/**
 * The report of a {@link forkingProgram}, for a call that writes it out: `size` bytes from `address`. `text` is where a call
 * may put a text of at most `textSize` bytes, and `info` a siginfo_t, of which the report has the first 32 bytes.
 */
export const report = {
  address: record,
  size: 96,
  text: record + 24,
  textSize: 40,
  info: record + 64,
} as const

/** Memory behind the report, for what calls hand out and no one reads. */
const scratch = record + 192

/** A process of a {@link forkingProgram}: its calls, and those that it makes in their place once one of them has failed. */
export interface ForkingProcess {
  readonly steps: readonly (Step | Fork)[]
  /** Absent: it ends, with errno as its exit code. */
  readonly failed?: readonly Step[]
}

/**
 * The beginning of another process, a copy of this one that shares neither memory nor descriptors with it. When it cannot be
 * made, this one ends with errno as its exit code.
 */
export interface Fork {
  /** Flags of clone(2), the signal for the parent among them. */
  readonly flags: number
  readonly child: ForkingProcess
}

/** A program of several processes. */
export interface ForkingProgram {
  readonly image: Buffer
  /** What a {@link report} says. */
  read(bytes: Buffer): Report
}

export interface Report {
  /** The call that failed last in the process that wrote the report. */
  readonly failed?: { readonly call: string; readonly errno: number }
  /** What was read to {@link report}'s `text`. */
  readonly text: string
  /** How the process ended that was waited for with the siginfo_t at {@link report}'s `info`. */
  readonly ended?: { readonly code: number } | { readonly signal: number }
}

/**
 * A static ELF program that begins as the process `first`.
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function forkingProgram(first: ForkingProcess, architecture: string = process.arch): ForkingProgram {
  const rows = processRows(first, 0)
  return {
    image: assemble(rows, architecture),
    read(bytes) {
      const [row, result] = [bytes.readBigUInt64LE(8), bytes.readBigInt64LE(16)]
      const call = rows[(Number(row) - tableAddress(architecture)) / rowSize]?.call[0]
      const from = report.text - report.address
      return {
        ...(call ? { failed: { call, errno: -Number(result) } } : {}),
        text: bytes.toString("latin1", from, from + report.textSize).replace(/\0.*$/s, ""),
        ...endOf(bytes.subarray(report.info - report.address)),
      }
    },
  }
}

/** @param info a siginfo_t of waitid(2), or zeros */
function endOf(info: Buffer): Pick<Report, "ended"> {
  const [how, status] = [info.readInt32LE(8), info.readInt32LE(24)]
  if (how === 0) return {}
  return { ended: how === CLD_EXITED ? { code: status } : { signal: status } }
}

const CLD_EXITED = 1

/** @param first the number of the first row */
function processRows({ steps, failed }: ForkingProcess, first: number): readonly Row[] {
  const length = (step: Step | Fork) => ("child" in step ? 1 + processRows(step.child, 0).length : 1)
  const end = first + steps.reduce((sum, step) => sum + length(step), 0)
  const rows: Row[] = []
  for (const step of steps) {
    const at = first + rows.length
    if (!("child" in step)) rows.push(...rowsOf([step], at, failed && end))
    else {
      const child = processRows(step.child, at + 1)
      // The child gets 0 and continues with the next row, the parent behind the child's rows.
      rows.push({ call: ["clone", step.flags, 0, scratch, 0, 0], onPositive: at + 1 + child.length }, ...child)
    }
  }
  return [...rows, ...rowsOf(failed ?? [], end)]
}
