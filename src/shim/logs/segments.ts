import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import type { LogConfig, LogPosition } from "../contract.ts"
import { generationBeside } from "./encoded.ts"
import { fileHeaderLength, generationOf } from "./frame.ts"

/** One file of a log, open for reading: rotation does not take it away. */
export interface Segment {
  readonly descriptor: number
  readonly generation: number
  /** Where the first frame or entry begins. */
  readonly start: number
  /** Bytes at the time of opening. */
  readonly end: number
}

/** The files of a log, oldest first. */
export class Segments implements Disposable {
  readonly all: readonly Segment[]

  private constructor(all: readonly Segment[]) {
    this.all = all
  }

  /** Opens what is there; rotations meanwhile are noticed. No file is an empty log. */
  static open(config: LogConfig): Segments {
    if (config.format === "none") {
      throw new Failure("notImplemented", "this container keeps no log (its log format is none)")
    }
    for (let attempt = 0; attempt < 20; attempt++) {
      const found = openOnce(config)
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
    close(this.all)
  }
}

function openOnce(config: LogConfig): Segment[] {
  const found: Segment[] = []
  const newest = config.format === "framed" ? 0 : generationBeside(config.path)
  for (let number = 0; ; number++) {
    let descriptor: number
    try {
      descriptor = openSync(number === 0 ? config.path : `${config.path}.${number}`, "r")
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") break
      close(found)
      throw error
    }
    const end = fstatSync(descriptor).size
    if (config.format !== "framed") {
      found.unshift({ descriptor, generation: newest - number, start: 0, end })
      continue
    }
    const header = Buffer.alloc(fileHeaderLength)
    const generation = generationOf(header.subarray(0, readSync(descriptor, header, 0, header.length, 0)))
    if (generation === undefined) closeSync(descriptor)
    else found.unshift({ descriptor, generation, start: fileHeaderLength, end })
  }
  if (config.format !== "framed" && generationBeside(config.path) !== newest) {
    close(found)
    return openOnce(config)
  }
  return found
}

function close(segments: readonly Segment[]): void {
  for (const segment of segments) closeSync(segment.descriptor)
}
