import { Failure } from "../errors/failure.ts"
import { durationSetting, sizeSetting } from "./units.ts"

/** A JSON object that is read field by field; what was not asked for is refused at the end. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #where: string
  readonly #asked = new Set<string>()

  /** @throws invalidArgument when `value` is no object */
  constructor(value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new Failure("invalidArgument", `${where}: expected an object, got ${JSON.stringify(value)}`)
    }
    this.#values = value as Record<string, unknown>
    this.#where = where
  }

  text(name: string): string | undefined {
    const value = this.#take(name)
    if (value === undefined || typeof value === "string") return value
    throw this.#wrong(name, "a text", value)
  }

  needed(name: string): string {
    const value = this.text(name)
    if (value === undefined || value === "") throw new Failure("invalidArgument", `${this.#at(name)} is missing`)
    return value
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name)
    if (value === undefined || typeof value === "boolean") return value
    throw this.#wrong(name, "true or false", value)
  }

  count(name: string): number | undefined {
    const value = this.#take(name)
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0))
      return value as number | undefined
    throw this.#wrong(name, "a whole number", value)
  }

  /** Milliseconds. */
  duration(name: string): number | undefined {
    const value = this.#take(name)
    return value === undefined ? undefined : durationSetting(value, this.#at(name))
  }

  bytes(name: string): number | undefined {
    const value = this.#take(name)
    return value === undefined ? undefined : sizeSetting(value, this.#at(name))
  }

  /** Texts; one alone may be written without a list. */
  texts(name: string): readonly string[] | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value === "string") return [value]
    if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value as string[]
    throw this.#wrong(name, "a list of texts", value)
  }

  map(name: string): Readonly<Record<string, string>> | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    const object = typeof value === "object" && value !== null && !Array.isArray(value)
    if (object && Object.values(value).every((each) => typeof each === "string")) return value as Record<string, string>
    throw this.#wrong(name, "an object of texts", value)
  }

  object<T>(name: string, read: (fields: Fields) => T): T | undefined {
    const value = this.#take(name)
    return value === undefined ? undefined : new Fields(value, this.#at(name)).all(read)
  }

  list<T>(name: string, read: (fields: Fields) => T): readonly T[] {
    const value = this.#take(name)
    if (value === undefined) return []
    if (!Array.isArray(value)) throw this.#wrong(name, "a list", value)
    return value.map((each, index) => new Fields(each, `${this.#at(name)}[${index}]`).all(read))
  }

  /** Reads the whole object. @throws invalidArgument for fields that `read` did not ask for */
  all<T>(read: (fields: Fields) => T): T {
    const result = read(this)
    const unknown = Object.keys(this.#values).filter((name) => !this.#asked.has(name))
    if (unknown.length > 0) {
      throw new Failure(
        "invalidArgument",
        `${this.#where}: unknown setting ${unknown.join(", ")}; known are ${[...this.#asked].join(", ")}`,
      )
    }
    return result
  }

  #take(name: string): unknown {
    this.#asked.add(name)
    return this.#values[name] ?? undefined
  }

  #at(name: string): string {
    return this.#where === "" ? name : `${this.#where}.${name}`
  }

  #wrong(name: string, expected: string, value: unknown): Failure {
    return new Failure("invalidArgument", `${this.#at(name)}: expected ${expected}, got ${JSON.stringify(value)}`)
  }
}
