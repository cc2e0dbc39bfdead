import { Failure } from "../errors/failure.ts"
import { type Int64, narrowest } from "./json.ts"

const parsedUnits = ["", "k", "m", "g", "t", "p"]

/**
 * Bytes of a size in Docker's spelling: `64m`, `1.5GiB`, `100`; a space may come before the unit. Units are powers of 1024,
 * with and without the `i`: sizes of memory, of buffers, of the registry's quotas.
 * @throws invalidArgument in Docker's words (go-units RAMInBytes)
 */
export const parseBytes = (text: string): Int64 => parse(text, 1024n)

/** As {@link parseBytes}, with powers of 1000: sizes of log files. @throws invalidArgument (go-units FromHumanSize) */
export const parseDecimalBytes = (text: string): Int64 => parse(text, 1000n)

function parse(text: string, base: bigint): Int64 {
  const number = /^(\d+\.?\d*|\.\d+) ?(.*)$/s.exec(text)
  if (!number) throw new Failure("invalidArgument", `invalid size: '${text}'`)
  const [, digits = "", suffix = ""] = number
  const unit = /^(?:([kmgtp])(?:i?b)?|b?)$/.exec(suffix.toLowerCase())
  if (!unit) throw new Failure("invalidArgument", `invalid suffix: '${suffix}'`)
  const [whole = "", fraction = ""] = digits.split(".")
  const scale = 10n ** BigInt(fraction.length)
  const factor = base ** BigInt(parsedUnits.indexOf(unit[1] ?? ""))
  return narrowest((BigInt(`${whole}${fraction}`) * factor) / scale)
}

const decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"] as const
const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] as const

/** `%.*g` of C and Go: at most `precision` significant digits, no trailing zeros. */
function significant(value: number, precision: number): string {
  const text = value.toPrecision(precision)
  if (text.includes("e")) return text.replace(/\.?0*e([+-])(\d)$/, "e$10$2")
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text
}

function scaled(size: number | bigint, base: number, names: readonly string[], precision: number): string {
  let value = Number(size)
  let step = 0
  while (value >= base && step < names.length - 1) {
    value /= base
    step++
  }
  return significant(value, precision) + names[step]
}

/** Bytes in powers of 1000, as docker shows sizes: `1.985MB`. Lists use a precision of 3. */
export const humanSize = (bytes: number | bigint, precision = 4): string => scaled(bytes, 1000, decimal, precision)

/** Bytes in powers of 1024, as docker shows memory: `23.54GiB`. */
export const bytesSize = (bytes: number | bigint): string => scaled(bytes, 1024, binary, 4)
