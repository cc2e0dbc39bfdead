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
