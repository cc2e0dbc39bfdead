import { Failure } from "../../errors/failure.ts"
import { blockSize, paddingOf, type SparseRegion, type TarEntry } from "./entry.ts"
import { type Header, isZeroBlock, parseHeader } from "./header.ts"
import { type Extension, type Extensions, entryOf, noExtensions, readPax } from "./member.ts"
import { parseNumber } from "./numbers.ts"
import { checkMap, LeadingMap, readOldSlots } from "./sparse.ts"

/** Receives an archive's members in order: `entry`, then its `data` (files only), then `end`. */
export interface TarSink {
  /** @param at where the member's data begins in the archive. Bytes */
  entry(entry: TarEntry, at: number): void
  /** Stored bytes and where they belong in the file. The memory is reused after the call. */
  data(bytes: Uint8Array, offset: number): void
  end(): void
}

/** An extended header or long name beyond this many bytes is refused. */
const mostExtension = 1 << 20

/**
 * Takes an archive apart as its bytes arrive: v7, ustar, pax, GNU (long names, sparse files), star. Synchronous: what the
 * sink throws comes out of `push`.
 */
export class TarParser {
  readonly #sink: TarSink
  /** A block that is not complete yet. */
  readonly #partial = Buffer.allocUnsafe(blockSize)
  #partialLength = 0
  #state: "header" | "slots" | "map" | "extension" | "data" | "skip" | "padding" | "ended" = "header"
  #left = 0
  #padding = 0
  /** Bytes taken so far. */
  #taken = 0
  #zeroBlocks = 0
  #extensionFlag = 0
  #extension: Buffer[] = []
  #pending: Extensions = noExtensions
  #global: readonly Extension[] = []
  #header: Header | undefined
  #open = false
  #slots: SparseRegion[] = []
  #realSize = 0
  #map = new LeadingMap()
  #regions: readonly SparseRegion[] | undefined
  #region = 0
  #position = 0

  constructor(sink: TarSink) {
    this.#sink = sink
  }

  /** Takes the next bytes. @throws invalidArgument for a malformed archive */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const before = this.#taken
    let at = 0
    while (at < bytes.length) {
      switch (this.#state) {
        case "ended":
          return
        case "header":
        case "slots":
        case "map":
          if (this.#partialLength === 0 && bytes.length - at >= blockSize) {
            at += blockSize
            this.#taken = before + at
            this.#block(bytes.subarray(at - blockSize, at))
          } else {
            const taken = bytes.copy(this.#partial, this.#partialLength, at)
            at += taken
            this.#taken = before + at
            this.#partialLength += taken
            if (this.#partialLength < blockSize) return
            this.#partialLength = 0
            this.#block(this.#partial)
          }
          break
        case "padding": {
          const taken = Math.min(this.#padding, bytes.length - at)
          at += taken
          this.#padding -= taken
          if (this.#padding === 0) this.#state = "header"
          this.#taken = before + at
          break
        }
        default: {
          const taken = Math.min(this.#left, bytes.length - at)
          this.#take(bytes.subarray(at, at + taken))
          at += taken
          this.#left -= taken
          this.#taken = before + at
          if (this.#left === 0) this.#finishMember()
        }
      }
    }
  }

  /** Whether the archive's end was there: what follows means nothing. */
  get ended(): boolean {
    return this.#state === "ended"
  }

  /**
   * Passes over what is left of the current member's data, for who can find it where it is.
   * @returns how many bytes not to {@link push}: the next ones belong behind these
   */
  passOver(): number {
    if (this.#state !== "data" || this.#regions) return 0
    const passed = this.#left + this.#padding
    this.#left = 0
    this.#padding = 0
    this.#taken += passed
    this.#finishMember()
    return passed
  }

  /**
   * Tells that no bytes follow. The last member's padding may be missing, as some writers leave it out.
   * @throws invalidArgument when the archive stops within a member
   */
  finish(): void {
    if (this.#state === "ended") return
    if (
      (this.#state !== "header" && this.#state !== "padding") ||
      this.#partialLength > 0 ||
      this.#pending !== noExtensions
    ) {
      throw new Failure("invalidArgument", "malformed archive: it ends in the middle of an entry (truncated?)")
    }
    this.#state = "ended"
  }

  #block(block: Buffer): void {
    if (this.#state === "slots") this.#moreSlots(block)
    else if (this.#state === "map") this.#mapBlock(block)
    else this.#headerBlock(block)
  }

  #headerBlock(block: Buffer): void {
    if (isZeroBlock(block)) {
      if (++this.#zeroBlocks === 2) this.#state = "ended"
      return
    }
    if (this.#zeroBlocks > 0) throw new Failure("invalidArgument", "malformed archive: data after an empty block")
    const header = parseHeader(block)
    switch (String.fromCharCode(header.flag)) {
      case "x":
      case "g":
      case "X":
      case "L":
      case "K":
        if (header.size > mostExtension || header.size < 0) {
          throw new Failure("invalidArgument", "malformed archive: an extended header is larger than 1 MiB")
        }
        this.#extensionFlag = header.flag
        this.#extension = []
        this.#begin("extension", header.size)
        return
      case "V":
        this.#begin("skip", header.size)
        return
      default:
        this.#member(header, block)
    }
  }

  #begin(state: "extension" | "data" | "skip", stored: number): void {
    if (stored < 0) throw new Failure("invalidArgument", "malformed archive: an entry has a negative size")
    this.#left = stored
    this.#padding = paddingOf(stored)
    this.#state = state
    if (stored === 0) this.#finishMember()
  }

  #member(header: Header, block: Buffer): void {
    this.#header = header
    this.#regions = undefined
    if (header.flag === 0x53 && header.gnu) {
      this.#slots = []
      readOldSlots(block, 386, 4, this.#slots)
      this.#realSize = parseNumber(block, 483, 12, "size")
      if (block[482]) this.#state = "slots"
      else this.#start(this.#slots, this.#realSize)
      return
    }
    const sparse = this.#pending.sparse
    if (sparse?.leadingMap) {
      this.#left = this.#pending.size ?? header.size
      this.#map = new LeadingMap()
      this.#state = "map"
      if (this.#left < blockSize) throw new Failure("invalidArgument", "malformed archive: sparse file without a map")
      return
    }
    this.#start(sparse?.map, sparse?.realSize)
  }

  #moreSlots(block: Buffer): void {
    readOldSlots(block, 0, 21, this.#slots)
    if (!block[504]) this.#start(this.#slots, this.#realSize)
  }

  #mapBlock(block: Buffer): void {
    this.#left -= blockSize
    const map = this.#map.block(block)
    if (map) this.#start(map, this.#pending.sparse?.realSize, this.#left)
    else if (this.#left < blockSize)
      throw new Failure("invalidArgument", "malformed archive: sparse file without its map")
  }

  /** Announces the member whose header is complete. `stored` is what is left of its data, when some was the map. */
  #start(map?: readonly SparseRegion[], realSize?: number, stored?: number): void {
    const header = this.#header!
    const entry = entryOf(header, this.#pending, this.#global, map !== undefined, realSize)
    const length = entry.type === "file" ? (stored ?? this.#pending.size ?? header.size) : 0
    this.#pending = noExtensions
    if (map && entry.type === "file") this.#regions = checkMap(map, entry.size, length)
    this.#region = 0
    this.#position = 0
    this.#open = true
    this.#sink.entry(this.#regions ? { ...entry, sparse: this.#regions } : entry, this.#taken)
    // Incremental dumps store a list of names with a directory: skipped.
    if (header.flag === 0x44) this.#begin("skip", header.size)
    else this.#begin("data", length)
  }

  #take(bytes: Buffer): void {
    if (this.#state === "extension") {
      this.#extension.push(Buffer.from(bytes))
      return
    }
    if (this.#state === "skip") return
    if (!this.#regions) {
      this.#sink.data(bytes, this.#position)
      this.#position += bytes.length
      return
    }
    let at = 0
    while (at < bytes.length) {
      const { offset, length } = this.#regions[this.#region]!
      const taken = Math.min(length - this.#position, bytes.length - at)
      this.#sink.data(bytes.subarray(at, at + taken), offset + this.#position)
      at += taken
      this.#position += taken
      if (this.#position === length) {
        this.#region++
        this.#position = 0
      }
    }
  }

  #finishMember(): void {
    const extension = this.#state === "extension"
    this.#state = this.#padding > 0 ? "padding" : "header"
    if (extension) this.#finishExtension(Buffer.concat(this.#extension))
    else if (this.#open) {
      this.#open = false
      this.#sink.end()
    }
  }

  #finishExtension(bytes: Buffer): void {
    const nul = bytes.indexOf(0)
    switch (String.fromCharCode(this.#extensionFlag)) {
      case "L":
        this.#pending = { ...this.#pending, longName: nul < 0 ? bytes : bytes.subarray(0, nul) }
        return
      case "K":
        this.#pending = { ...this.#pending, longLink: nul < 0 ? bytes : bytes.subarray(0, nul) }
        return
      case "g":
        this.#global = [...this.#global, ...readPax(bytes).records].slice(-1000)
        return
      default: {
        const { longName, longLink } = this.#pending
        this.#pending = { ...readPax(bytes), ...(longName ? { longName } : {}), ...(longLink ? { longLink } : {}) }
      }
    }
  }
}
