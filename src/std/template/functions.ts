import { sprintf } from "./printf.ts"
import { encode, GoMap, isList, isTrue, print, Struct, Subject, typeName, type Value } from "./value.ts"

/** What a function takes: `any`, or the one type that other arguments are refused for. */
export type Parameter = "any" | "string" | "int" | "strings"

/** A function that templates can call. A thrown Error becomes `error calling NAME: …`. */
export interface TemplateFunction {
  readonly parameters: readonly Parameter[]
  /** The type of any number of further arguments. */
  readonly rest?: Parameter
  call(...args: readonly Value[]): Value
}

export type Functions = Readonly<Record<string, TemplateFunction>>

const text = (value: Value) => value as string
const size = (value: Value) => Number(value)

const html = (value: string) =>
  value.replace(
    /[&<>"'\0]/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" })[c] ?? "\uFFFD",
  )

/** What a list of operands prints as: Go's fmt.Sprint puts spaces between operands that are both no text. */
function sprint(args: readonly Value[]): string {
  let printed = ""
  args.forEach((arg, index) => {
    if (index > 0 && typeof arg !== "string" && typeof args[index - 1] !== "string") printed += " "
    printed += print(arg)
  })
  return printed
}

function index(of: Value, ...keys: readonly Value[]): Value {
  if (of === undefined || of === null) throw new Error("index of untyped nil")
  let value: Value = of
  for (const key of keys) {
    if (isList(value) || typeof value === "string") {
      if (typeof key !== "number" && typeof key !== "bigint") {
        if (key === undefined || key === null) throw new Error("cannot index slice/array with nil")
        throw new Error(`cannot index slice/array with type ${typeName(key)}`)
      }
      const items: readonly Value[] | Buffer = typeof value === "string" ? Buffer.from(value) : value
      if (key < 0 || key >= items.length) throw new Error(`index out of range: ${key}`)
      value = items[Number(key)]
    } else if (value instanceof GoMap) {
      if (typeof key !== "string") throw new Error(`value has type ${typeName(key)}; should be string`)
      value = value.entries.has(key) ? value.entries.get(key) : value.zero
    } else if (value === undefined || value === null) throw new Error("index of nil pointer")
    else throw new Error(`can't index item of type ${typeName(value)}`)
  }
  return value
}

function slice(of: Value, ...bounds: readonly Value[]): Value {
  if (typeof of !== "string" && !isList(of)) throw new Error(`can't slice item of type ${typeName(of)}`)
  if (bounds.length > 3) throw new Error(`too many slice indexes: ${bounds.length}`)
  for (const bound of bounds) {
    if (typeof bound !== "number") throw new Error(`cannot index slice/array with type ${typeName(bound)}`)
    if (bound < 0 || bound > of.length) throw new Error(`index out of range: ${bound}`)
  }
  const [from = 0, to = of.length] = bounds as readonly number[]
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`)
  return of.slice(from, to)
}

function length(value: Value): Value {
  if (value === undefined || value === null) throw new Error("len of nil pointer")
  if (typeof value === "string") return Buffer.byteLength(value)
  if (isList(value)) return value.length
  if (value instanceof GoMap) return value.entries.size
  throw new Error(`len of type ${typeName(value)}`)
}

/** The group of types that can be compared with each other. */
function comparable(value: Value): string {
  if (value === undefined || value === null) return "nil"
  if (typeof value === "bigint") return "int"
  if (typeof value !== "number") return typeof value
  return Number.isInteger(value) ? "int" : "float"
}

const incompatible = (one: Value, other: Value): Error =>
  new Error(`incompatible types for comparison: ${typeName(one)} and ${typeName(other)}`)

function same(one: Value, other: Value): boolean {
  const kind = comparable(one)
  if (kind === "nil" || comparable(other) === "nil") return comparable(other) === kind
  if (kind === "object") throw new Error(`non-comparable type ${print(one)}: ${typeName(one)}`)
  if (comparable(other) !== kind) throw incompatible(one, other)
  return kind === "int" ? BigInt(one as number) === BigInt(other as number) : one === other
}

function below(one: Value, other: Value): boolean {
  const kind = comparable(one)
  if (kind === "object" || kind === "boolean" || kind === "nil") throw new Error("invalid type for comparison")
  if (comparable(other) !== kind) throw incompatible(one, other)
  return (one as number) < (other as number)
}

const order = (holds: (one: Value, other: Value) => boolean): TemplateFunction => ({
  parameters: ["any", "any"],
  call: (one, other) => holds(one, other),
})

const onText = (change: (value: string) => string): TemplateFunction => ({
  parameters: ["string"],
  call: (value) => change(text(value)),
})

const printing = (show: (args: readonly Value[]) => string): TemplateFunction => ({
  parameters: [],
  rest: "any",
  call: (...args) => show(args),
})

const titled = (value: string) =>
  value.replace(/(^|[^\p{L}\p{Nd}_])(\p{L})/gu, (_all, before: string, letter: string) => before + letter.toUpperCase())

/** Go's own template functions. `and` and `or` evaluate their arguments one by one; see the executor. */
const builtIn: Functions = {
  and: { parameters: ["any"], rest: "any", call: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) },
  or: { parameters: ["any"], rest: "any", call: (...args) => args.find(isTrue) ?? args.at(-1) },
  not: { parameters: ["any"], call: (value) => !isTrue(value) },
  len: { parameters: ["any"], call: length },
  index: { parameters: ["any"], rest: "any", call: index },
  slice: { parameters: ["any"], rest: "any", call: slice },
  // No value that a template meets is a function.
  call: {
    parameters: ["any"],
    rest: "any",
    call: (value) => {
      throw new Error(`non-function of type ${typeName(value)}`)
    },
  },
  print: printing(sprint),
  println: printing((args) => `${args.map(print).join(" ")}\n`),
  printf: { parameters: ["string"], rest: "any", call: (format, ...args) => sprintf(text(format), args) },
  html: printing((args) => html(sprint(args))),
  js: printing((args) =>
    JSON.stringify(sprint(args))
      .slice(1, -1)
      .replace(/[<>&='/]/g, (c) =>
        c === "/" ? "/" : c === "'" ? "\\'" : `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
      ),
  ),
  urlquery: printing((args) => encodeURIComponent(sprint(args)).replaceAll("%20", "+")),
  eq: {
    parameters: ["any"],
    rest: "any",
    call: (one, ...others) => {
      if (others.length === 0) throw new Error("missing argument for comparison")
      return others.some((other) => same(one, other))
    },
  },
  ne: order((one, other) => !same(one, other)),
  lt: order(below),
  le: order((one, other) => below(one, other) || same(one, other)),
  gt: order((one, other) => !below(one, other) && !same(one, other)),
  ge: order((one, other) => !below(one, other)),
}

/** The elements of a list, or the values of a map in their order, as text with `by` in between. */
function joined(elements: Value, by: string): string {
  if (elements === undefined || elements === null) return ""
  if (isList(elements)) return elements.map(print).join(by)
  if (elements instanceof GoMap) return [...elements.entries.values()].map(print).sort().join(by)
  throw new Error(`expected slice, got ${typeName(elements)}`)
}

/** Functions in every template: Go's and those that docker adds. */
export const functions: Functions = {
  ...builtIn,
  json: { parameters: ["any"], call: encode },
  split: { parameters: ["string", "string"], call: (value, by) => text(value).split(text(by)) },
  join: { parameters: ["any", "string"], call: (elements, by) => joined(elements, text(by)) },
  title: onText(titled),
  lower: onText((value) => value.toLowerCase()),
  upper: onText((value) => value.toUpperCase()),
  pad: {
    parameters: ["string", "int", "int"],
    call: (value, before, after) =>
      value === "" ? "" : " ".repeat(Math.max(0, size(before))) + text(value) + " ".repeat(Math.max(0, size(after))),
  },
  truncate: { parameters: ["string", "int"], call: (value, most) => text(value).slice(0, Math.max(0, size(most))) },
}

/** Functions for the heading of a table, where values are column names. */
export const headingFunctions: Functions = {
  ...functions,
  json: onText((value) => value),
  title: onText((value) => value),
  lower: onText((value) => value),
  upper: onText((value) => value),
  truncate: { parameters: ["string", "int"], call: (value) => value },
}

/** Whether the value can be given for the parameter. */
export function fits(value: Value, parameter: Parameter): boolean {
  if (parameter === "any") return true
  if (parameter === "string") return typeof value === "string"
  if (parameter === "int") return typeof value === "bigint" || Number.isInteger(value)
  return isList(value) && value.every((item) => typeof item === "string")
}

/** Go's name of the type that a parameter wants. */
export const wantedType = (parameter: Parameter): string => (parameter === "strings" ? "[]string" : parameter)

/** Whether fields of the value are looked up by name. */
export const hasFields = (value: Value): value is GoMap | Struct | Subject =>
  value instanceof GoMap || value instanceof Struct || value instanceof Subject
