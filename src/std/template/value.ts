/** What templates work with: JSON's values, Go's maps and structs, and subjects with methods. `undefined` is "no value". */
export type Value = undefined | null | boolean | number | bigint | string | readonly Value[] | GoMap | Struct | Subject

/** A nil slice: empty, and `null` in JSON. */
export const nilList: readonly Value[] = Object.freeze([])

/** A Go map: fields are looked up by key, ranges go through sorted keys. */
export class GoMap {
  readonly entries: ReadonlyMap<string, Value>
  /** What `index` gives for an absent key. */
  readonly zero: Value

  constructor(entries: ReadonlyMap<string, Value>, zero: Value = undefined) {
    this.entries = entries
    this.zero = zero
  }

  get keys(): string[] {
    return [...this.entries.keys()].sort(byCodeUnits)
  }
}

const byCodeUnits = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

/** A nil map: empty, and `null` in JSON. */
export const nilMap = new GoMap(new Map(), "")

/** What a struct answers for fields that JSON left out: their zero value. */
export type Absent = (name: string) => { readonly value: Value } | undefined

export interface StructOptions {
  readonly absent?: Absent
  /** Go's type name, which errors mention. */
  readonly type?: string
  /** Go's names of fields that JSON calls differently: `ID` → `Id`. */
  readonly names?: Readonly<Record<string, string>>
}

/** A Go struct: fields in order, by their names in JSON; printed as `{a b}`. */
export class Struct {
  readonly fields: ReadonlyMap<string, Value>
  readonly #options: StructOptions

  constructor(fields: ReadonlyMap<string, Value>, options: StructOptions = {}) {
    this.fields = fields
    this.#options = options
  }

  get typeName(): string {
    return this.#options.type ?? "struct"
  }

  /** The field that Go calls `name`. */
  lookup(name: string): { readonly value: Value } | undefined {
    const { names = {}, absent } = this.#options
    const known = Object.hasOwn(names, name) ? names[name]! : name
    if (known === name && Object.values(names).includes(name)) return undefined
    // The same name may be JSON's own in another struct: `CPUShares` of the system's information.
    const inJson = this.fields.has(known) ? known : name
    return this.fields.has(inJson) ? { value: this.fields.get(inJson) } : absent?.(name)
  }
}

/** A method of a subject: its value, or a function of text arguments. */
export type Method = (() => Value) | { readonly invoke: (...args: string[]) => Value; readonly parameters: number }

/** One row of a list: what docker's formatters call a context. Values are computed when they are asked for. */
export class Subject {
  /** Go's type name, which errors mention: `*formatter.ContainerContext`. */
  readonly typeName: string
  readonly methods: Readonly<Record<string, Method>>

  constructor(typeName: string, methods: Readonly<Record<string, Method>>) {
    this.typeName = typeName
    this.methods = methods
  }

  /** All plain methods' values, by sorted name: what `json .` shows. */
  toEntries(): readonly (readonly [string, Value])[] {
    const entries: [string, Value][] = []
    for (const name of Object.keys(this.methods).sort(byCodeUnits)) {
      const method = this.methods[name]!
      if (typeof method === "function") entries.push([name, method()])
    }
    return entries
  }
}

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)

/** Go's name of the value's type, as errors mention it. */
export function typeName(value: Value): string {
  if (value === undefined || value === null) return "nil"
  if (typeof value === "string") return "string"
  if (typeof value === "boolean") return "bool"
  if (typeof value === "bigint") return "int64"
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64"
  if (value instanceof Subject) return value.typeName
  if (value instanceof Struct) return value.typeName
  const element = value instanceof GoMap ? [...value.entries.values()] : value
  const inner = element.length > 0 && element.every((item) => typeof item === "string") ? "string" : "interface {}"
  return value instanceof GoMap ? `map[string]${inner}` : `[]${inner}`
}

/** Whether `if` takes the value for true: not zero, not empty. */
export function isTrue(value: Value): boolean {
  if (value === undefined || value === null) return false
  if (isList(value)) return value.length > 0
  if (value instanceof GoMap) return value.entries.size > 0
  return typeof value === "object" || Boolean(value)
}

/** A value as Go's `%v` prints it. */
export function print(value: Value): string {
  if (value === undefined || value === null) return "<nil>"
  if (typeof value === "string") return value
  if (typeof value === "number") return Number.isInteger(value) ? value.toString() : floatText(value)
  if (isList(value)) return `[${value.map(print).join(" ")}]`
  if (value instanceof GoMap)
    return `map[${value.keys.map((key) => `${key}:${print(value.entries.get(key))}`).join(" ")}]`
  if (value instanceof Struct) return `{${[...value.fields.values()].map(print).join(" ")}}`
  if (value instanceof Subject)
    return `{${value
      .toEntries()
      .map(([, item]) => print(item))
      .join(" ")}}`
  return String(value)
}

/** Go's `%g` with the shortest digits: exponents, of at least two digits, below 1e-4 and from 1e6 on. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "NaN"
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf"
  const magnitude = Math.abs(value)
  const text = magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e6) ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, "e$10$2")
}

/** The value of plain JSON: objects are maps. */
export function fromJson(json: unknown): Value {
  if (json === null || json === undefined) return null
  if (Array.isArray(json)) return json.map(fromJson)
  if (typeof json === "object")
    return new GoMap(new Map(Object.entries(json).map(([key, item]) => [key, fromJson(item)])))
  return json as Value
}

const htmlEscapes: Readonly<Record<string, string>> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" }

/** Go's JSON of a value: maps by sorted key, rows of lists with HTML's characters escaped as Go's own marshaller does. */
export function encode(value: Value): string {
  if (value === undefined || value === null || value === nilList || value === nilMap) return "null"
  if (typeof value === "bigint") return value.toString()
  if (isList(value)) return `[${value.map(encode).join(",")}]`
  if (value instanceof GoMap) return object(value.keys.map((key) => [key, value.entries.get(key)]))
  if (value instanceof Struct) return object([...value.fields])
  if (value instanceof Subject)
    return object(value.toEntries()).replace(/[<>&]/g, (character) => htmlEscapes[character]!)
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`)
}

const object = (entries: readonly (readonly [string, Value])[]): string =>
  `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${encode(item)}`).join(",")}}`
