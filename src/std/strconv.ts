import { Failure } from "../errors/failure.ts"

/** A boolean in Go's spelling. @throws invalidArgument in the words of Go's strconv.ParseBool */
export function parseBool(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false
  throw new Failure("invalidArgument", `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

/** Go's strconv.ParseInt and ParseUint with base 10. @throws invalidArgument in their words */
export function parseDecimal(text: string, bits: number, signed: boolean): bigint {
  const plain = /^[+-]?\d+$/.test(text) ? text.replace(/^([+-]?)0+(?=\d)/, "$1") : `${text}?`
  return parse(plain, text, bits, signed)
}

/** Go's strconv.ParseInt and ParseUint with base 0: `0x1f`, `0b1`, `0o17`, `017`, `1_000`. @throws invalidArgument in their words */
export const parseInteger = (text: string, bits: number, signed: boolean): bigint => parse(text, text, bits, signed)

/** What an error of these says is wrong, without the call and the text: `invalid syntax`. */
export const reasonOf = (error: unknown): string =>
  (error as Error).message.replace(/^strconv\.\w+: parsing ".*": /s, "")

function parse(text: string, written: string, bits: number, signed: boolean): bigint {
  const call = signed ? "strconv.ParseInt" : "strconv.ParseUint"
  const fail = (why: string) => new Failure("invalidArgument", `${call}: parsing ${JSON.stringify(written)}: ${why}`)
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/.exec(
    text.replace(/(?<=[0-9a-fA-F])_/g, ""),
  )
  if (!match || (!signed && match[1])) throw fail("invalid syntax")
  const digits = /^0[0-7]+$/.test(match[2]!) ? `0o${match[2]!.slice(1)}` : match[2]!
  const value = match[1] === "-" ? -BigInt(digits) : BigInt(digits)
  const high = 1n << BigInt(signed ? bits - 1 : bits)
  if (value >= high || value < (signed ? -high : 0n)) throw fail("value out of range")
  return value
}
