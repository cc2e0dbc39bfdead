import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import type { LogFiles, LogPosition } from "./contract.ts"
import { compressedSuffix, generationBeside } from "./files-beside.ts"
import { fileHeaderLength, generationOf } from "./frame.ts"
import { unpacked, unpackedHead, unpackedLength } from "./unpack.ts"

/** One file of a log, open for reading: rotation does not take it away. */
export interface Segment {
  /** Opens the file, unpacking a compressed one; it is closed with the segments. */
  readonly descriptor: () => Promise<number>
  readonly generation: number
  /** Where the first frame or entry begins. */
  readonly start: number
  /** Bytes at the time of opening. */
  readonly end: number
}

/** A segment with what has to be closed after it. */
interface OpenSegment extends Segment, Disposable {}

/** The files of a log, oldest first. */
export class Segments implements Disposable {
  readonly all: readonly Segment[]
  readonly #open: readonly OpenSegment[]

  private constructor(open: readonly OpenSegment[]) {
    this.all = open
    this.#open = open
  }

  /** Opens what is there; rotations meanwhile are noticed. No file is an empty log. */
  static open(config: LogFiles): Segments {
    if (config.format === "none") {
      throw new Failure("notImplemented", "this container keeps no log (its log format is none)")
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      const { found, hole } = openOnce(config)
      // Between two renames of a rotation a file is missing; after a crash there it stays so.
      if (hole && attempt < attempts - 1) {
        close(found)
        pause()
        continue
      }
      if (found.every((segment, index) => index === 0 || segment.generation === found[index - 1]!.generation + 1)) {
        return new Segments(found)
      }
      close(found)
    }
    throw new Failure("unavailable", `log ${config.path} rotates faster than it can be opened; raise its maximum size`)
  }

  /** The part between two positions: files outside it are left out, the others are cut. */
  between(from: LogPosition | undefined, to: LogPosition | undefined): Segment[] {
    return this.all
      .filter((segment) => !(from && segment.generation < from.generation))
      .filter((segment) => !(to && segment.generation > to.generation))
      .map((segment) => ({
        ...segment,
        start: from?.generation === segment.generation ? Math.max(from.offset, segment.start) : segment.start,
        end: to?.generation === segment.generation ? Math.min(to.offset, segment.end) : segment.end,
      }))
  }

  [Symbol.dispose](): void {
    close(this.#open)
  }
}

/** Opens every file up to the first that is missing. `hole`: there are files after it. */
function openOnce(config: LogFiles): { readonly found: OpenSegment[]; readonly hole: boolean } {
  const found: OpenSegment[] = []
  let hole = false
  const newest = config.format === "framed" ? 0 : generationBeside(config.path)
  try {
    for (let number = 0; ; number++) {
      const file = openFile(number === 0 ? config.path : `${config.path}.${number}`, number > 0 && config.compress)
      if (!file) {
        hole = isThere(`${config.path}.${number + 1}`, config)
        break
      }
      const generation = config.format === "framed" ? generationOf(file.head(fileHeaderLength)) : newest - number
      if (generation === undefined) file[Symbol.dispose]()
      else found.unshift({ ...file, generation, start: config.format === "framed" ? fileHeaderLength : 0 })
    }
  } catch (error) {
    close(found)
    throw error
  }
  if (config.format !== "framed" && generationBeside(config.path) !== newest) {
    close(found)
    return openOnce(config)
  }
  return { found, hole }
}

const attempts = 20

const isThere = (path: string, { compress }: LogFiles): boolean =>
  existsSync(path) || (compress === true && existsSync(path + compressedSuffix))

/** A millisecond: a rotation under way is over by then. */
const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)

interface OpenFile extends Omit<OpenSegment, "generation" | "start"> {
  /** The first bytes. */
  readonly head: (length: number) => Buffer
}

/** @returns undefined when there is no such file, compressed or not */
function openFile(path: string, compressed = false): OpenFile | undefined {
  const plain = openIfThere(path)
  if (plain !== undefined) {
    return {
      descriptor: async () => plain,
      end: fstatSync(plain).size,
      head: (length) => {
        const bytes = Buffer.alloc(length)
        return bytes.subarray(0, readSync(plain, bytes, 0, length, 0))
      },
      [Symbol.dispose]: () => closeSync(plain),
    }
  }
  const packed = compressed ? openIfThere(path + compressedSuffix) : undefined
  if (packed === undefined) return undefined
  let whole: Promise<number> | undefined
  return {
    descriptor: () => {
      whole ??= unpacked(path, packed)
      return whole
    },
    end: unpackedLength(packed),
    head: (length) => unpackedHead(packed, length),
    [Symbol.dispose]: () => {
      closeSync(packed)
      void whole?.then(closeSync, () => {})
    },
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r")
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined
    throw error
  }
}

function close(segments: readonly Disposable[]): void {
  for (const segment of segments) segment[Symbol.dispose]()
}
