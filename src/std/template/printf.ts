import { quote } from "./quote.ts"
import { floatText, isList, print, typeName, type Value } from "./value.ts"

interface Verb {
  readonly letter: string
  readonly minus: boolean
  readonly plus: boolean
  readonly sharp: boolean
  readonly space: boolean
  readonly zero: boolean
  readonly width: number | undefined
  readonly precision: number | undefined
}

/** Go's fmt.Sprintf for the values that templates have. */
export function sprintf(format: string, args: readonly Value[]): string {
  let next = 0
  const star = () => {
    const value = args[next++]
    return typeof value === "number" ? value : 0
  }
  let text = format.replace(
    /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?([\s\S]|$)/gu,
    (_match, flags: string, width: string | undefined, precision: string | undefined, letter: string) => {
      if (letter === "%") return "%"
      if (letter === "") return "%!(NOVERB)"
      const wide = width === "*" ? star() : width === undefined ? undefined : Number(width)
      const digits = precision === "*" ? star() : precision === undefined ? undefined : Number(precision)
      if (next >= args.length) return `%!${letter}(MISSING)`
      return formatted(args[next++], {
        letter,
        minus: flags.includes("-") || (wide ?? 0) < 0,
        plus: flags.includes("+"),
        sharp: flags.includes("#"),
        space: flags.includes(" "),
        zero: flags.includes("0"),
        width: wide === undefined ? undefined : Math.abs(wide),
        precision: digits,
      })
    },
  )
  if (next < args.length)
    text += `%!(EXTRA ${args
      .slice(next)
      .map((arg) => (isNothing(arg) ? "<nil>" : `${typeName(arg)}=${print(arg)}`))
      .join(", ")})`
  return text
}

const isNothing = (value: Value): value is null | undefined => value === null || value === undefined

function formatted(value: Value, verb: Verb): string {
  if (verb.letter === "T") return padded(isNothing(value) ? "<nil>" : typeName(value), verb, false)
  if (verb.letter === "v") {
    if (typeof value === "number" || typeof value === "bigint")
      return Number.isInteger(value) || typeof value === "bigint" ? integer(value, verb, "d") : float(value, verb)
    if (verb.sharp && typeof value === "string") return padded(quote(value), verb, false)
    return padded(cut(print(value), verb, typeof value === "string"), verb, false)
  }
  if (isNothing(value)) return `%!${verb.letter}(<nil>)`
  if (typeof value === "string" && "sqxX".includes(verb.letter)) return padded(textAs(value, verb), verb, false)
  if (typeof value === "boolean" && verb.letter === "t") return padded(String(value), verb, false)
  if ((typeof value === "number" && Number.isInteger(value)) || typeof value === "bigint") {
    if ("dboxXcqU".includes(verb.letter)) return integer(value, verb, verb.letter)
  } else if (typeof value === "number" && "eEfFgG".includes(verb.letter)) return float(value, verb)
  else if (isList(value)) return `[${value.map((item) => formatted(item, verb)).join(" ")}]`
  else if (typeof value === "object" && verb.letter === "s") return padded(print(value), verb, false)
  return `%!${verb.letter}(${typeName(value)}=${print(value)})`
}

const cut = (text: string, verb: Verb, cuts: boolean) =>
  cuts && verb.precision !== undefined ? [...text].slice(0, verb.precision).join("") : text

function textAs(value: string, verb: Verb): string {
  const text = cut(value, verb, true)
  if (verb.letter === "q") return quote(text)
  if (verb.letter === "s") return text
  const hex = Buffer.from(text).toString("hex")
  return verb.letter === "X" ? hex.toUpperCase() : hex
}

function integer(value: number | bigint, verb: Verb, letter: string): string {
  if (letter === "c") return padded(String.fromCodePoint(Number(value)), verb, false)
  if (letter === "q") return padded(quote(String.fromCodePoint(Number(value)), "'"), verb, false)
  if (letter === "U") return padded(`U+${value.toString(16).toUpperCase().padStart(4, "0")}`, verb, false)
  const base = { d: 10, b: 2, o: 8, x: 16, X: 16 }[letter] ?? 10
  let digits = (value < 0 ? -value : value).toString(base)
  if (letter === "X") digits = digits.toUpperCase()
  if (verb.precision !== undefined) digits = digits.padStart(verb.precision, "0")
  const prefix = verb.sharp ? ({ b: "0b", o: "0", x: "0x", X: "0X" }[letter] ?? "") : ""
  return signed(value < 0, prefix, digits, verb, verb.precision === undefined)
}

function float(value: number, verb: Verb): string {
  const magnitude = Math.abs(value)
  const digits = verb.precision ?? 6
  let text: string
  if ("fF".includes(verb.letter)) text = magnitude.toFixed(digits)
  else if ("eE".includes(verb.letter)) text = magnitude.toExponential(digits)
  else
    text =
      verb.precision === undefined
        ? floatText(magnitude)
        : floatText(Number(magnitude.toPrecision(verb.precision || 1)))
  text = text.replace(/e([+-])(\d)$/, "e$10$2")
  return signed(value < 0, "", verb.letter === "E" || verb.letter === "G" ? text.toUpperCase() : text, verb, true)
}

function signed(negative: boolean, prefix: string, digits: string, verb: Verb, zeros: boolean): string {
  const sign = negative ? "-" : verb.plus ? "+" : verb.space ? " " : ""
  const head = sign + prefix
  if (verb.zero && zeros && !verb.minus && verb.width !== undefined)
    return head + digits.padStart(verb.width - head.length, "0")
  return padded(head + digits, verb, true)
}

function padded(text: string, verb: Verb, number: boolean): string {
  const missing = (verb.width ?? 0) - [...text].length
  if (missing <= 0) return text
  if (verb.minus) return text + " ".repeat(missing)
  return (verb.zero && !number ? "0" : " ").repeat(missing) + text
}
