import { Failure } from "../../errors/failure.ts"

/**
 * A number field of a header: octal text, or base-256 when the first bit is set (GNU, star).
 * @throws invalidArgument when it is neither, or beyond what can be told exactly (2^53)
 */
export function parseNumber(block: Uint8Array, offset: number, length: number, field: string): number {
  if ((block[offset]! & 0x80) !== 0) return parseBase256(block, offset, length, field)
  let at = offset
  let end = offset + length
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++
  while (end > at && (block[end - 1] === 0x20 || block[end - 1] === 0)) end--
  let value = 0
  for (; at < end; at++) {
    const digit = block[at]! - 0x30
    if (digit < 0 || digit > 7) {
      // Old writers end a field with NUL and leave anything behind it.
      if (block[at] === 0) break
      throw new Failure("invalidArgument", `malformed archive: the ${field} of an entry is not a number`)
    }
    value = value * 8 + digit
  }
  if (!Number.isSafeInteger(value)) throw outOfRange(field)
  return value
}

function parseBase256(block: Uint8Array, offset: number, length: number, field: string): number {
  const negative = (block[offset]! & 0x40) !== 0
  let value = negative ? -1n : 0n
  for (let at = 0; at < length; at++) {
    const byte = at === 0 ? (block[offset]! & 0x7f) | (negative ? 0x80 : 0) : block[offset + at]!
    value = (value << 8n) | BigInt(byte)
  }
  const number = Number(negative ? BigInt.asIntN(length * 8, value) : value)
  if (!Number.isSafeInteger(number)) throw outOfRange(field)
  return number
}

const outOfRange = (field: string) =>
  new Failure("invalidArgument", `malformed archive: the ${field} of an entry is out of range`)

/**
 * A decimal number of a pax record.
 * @throws invalidArgument
 */
export function parseDecimal(text: Buffer, field: string): number {
  const word = text.toString("latin1")
  if (!/^-?\d{1,16}$/.test(word) || !Number.isSafeInteger(Number(word))) throw outOfRange(field)
  return Number(word)
}

/**
 * A time of a pax record, decimal seconds with any number of fractional digits, as nanoseconds (cut, not rounded).
 * @throws invalidArgument
 */
export function parseTime(text: Buffer, field: string): bigint {
  const match = /^(-?)(\d{1,13})(?:\.(\d*))?$/.exec(text.toString("latin1"))
  if (!match) throw outOfRange(field)
  const nanos = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"))
  return match[1] ? -nanos : nanos
}

/** Decimal seconds for a pax record: `12.5`, `-0.000000001`. */
export function formatTime(nanos: bigint): string {
  const positive = nanos < 0n ? -nanos : nanos
  const fraction = (positive % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "")
  return `${nanos < 0n ? "-" : ""}${positive / 1_000_000_000n}${fraction ? `.${fraction}` : ""}`
}
