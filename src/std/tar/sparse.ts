import { Failure } from "../../errors/failure.ts"
import type { SparseRegion } from "./entry.ts"
import { parseDecimal, parseNumber } from "./numbers.ts"
import type { PaxRecords } from "./pax.ts"

/** More stretches than this in one file are refused: a map must not fill memory. */
const mostRegions = 1 << 20

const malformed = (what: string) => new Failure("invalidArgument", `malformed archive: sparse file ${what}`)

/** The stretches in `count` slots of 24 bytes (old GNU format); an empty slot ends them. */
export function readOldSlots(block: Buffer, offset: number, count: number, into: SparseRegion[]): void {
  for (let slot = 0; slot < count; slot++) {
    const at = offset + slot * 24
    if (block[at] === 0) return
    if (into.length >= mostRegions) throw malformed("has too many holes")
    into.push({
      offset: parseNumber(block, at, 12, "sparse offset"),
      length: parseNumber(block, at + 12, 12, "sparse length"),
    })
  }
}

/** The map of pax formats 0.0 (repeated records) and 0.1 (one list). @returns undefined when the records have none */
export function readPaxMap(records: PaxRecords): SparseRegion[] | undefined {
  const numbers: number[] = []
  let found = false
  for (const [key, value] of records) {
    if (key === "GNU.sparse.map") {
      found = true
      if (value.length === 0) continue
      const words = value.toString("latin1").split(",")
      if (words.length > mostRegions * 2) throw malformed("has too many holes")
      for (const word of words) numbers.push(parseDecimal(Buffer.from(word), "sparse map"))
    } else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      found = true
      if ((key === "GNU.sparse.offset") !== (numbers.length % 2 === 0)) throw malformed("has a bad map")
      numbers.push(parseDecimal(value, "sparse map"))
    }
  }
  if (!found) return undefined
  if (numbers.length % 2) throw malformed("has a bad map")
  return pair(numbers)
}

function pair(numbers: readonly number[]): SparseRegion[] {
  const regions: SparseRegion[] = []
  for (let at = 0; at < numbers.length; at += 2) regions.push({ offset: numbers[at]!, length: numbers[at + 1]! })
  return regions
}

/** Collects the map of pax format 1.0, which precedes the data: decimal numbers, a line each, padded to a block. */
export class LeadingMap {
  #expected = -1
  #text = ""
  readonly #numbers: number[] = []

  /** Takes one block. @returns the map when it is complete */
  block(bytes: Buffer): SparseRegion[] | undefined {
    this.#text += bytes.toString("latin1")
    for (;;) {
      if (this.#expected >= 0 && this.#numbers.length === this.#expected) return pair(this.#numbers)
      const newline = this.#text.indexOf("\n")
      if (newline < 0) {
        if (this.#text.length > 32) throw malformed("has a bad map")
        return undefined
      }
      const number = parseDecimal(Buffer.from(this.#text.slice(0, newline)), "sparse map")
      this.#text = this.#text.slice(newline + 1)
      if (this.#expected < 0) {
        if (number < 0 || number > mostRegions) throw malformed("has too many holes")
        this.#expected = number * 2
      } else this.#numbers.push(number)
    }
  }
}

/**
 * Checks a map against the file: ascending, without overlap, within `size`, and as long as the stored bytes.
 * @throws invalidArgument
 */
export function checkMap(regions: readonly SparseRegion[], size: number, stored: number): SparseRegion[] {
  let end = 0
  let total = 0
  for (const { offset, length } of regions) {
    if (offset < end || length < 0 || offset + length > size) throw malformed("has a map that does not fit it")
    end = offset + length
    total += length
  }
  if (total !== stored) throw malformed("has a map that does not fit its data")
  return regions.filter(({ length }) => length > 0)
}
