import { Failure } from "../../errors/failure.ts"

/** One condition: a field of an object, and what its value must be. */
export interface Selector {
  readonly path: readonly string[]
  /** `present`: the field has a value. `~=`: the value is a regular expression. */
  readonly operator: "present" | "==" | "!=" | "~="
  readonly value: string
}

/**
 * Parses a filter in containerd's syntax: selectors with commas between them, each `FIELD[.FIELD…][OPERATOR VALUE]`.
 *
 *     field    = letters, digits and _, or a text in double quotes
 *     operator = == | != | ~=
 *     value    = a text in double quotes, or anything without spaces and commas; after ~= also between / or |
 *
 * Quoted texts have Go's escapes. Spaces between the parts mean nothing.
 * @returns no selectors for the empty filter, which matches everything
 * @throws invalidArgument
 */
export function parseFilter(text: string): readonly Selector[] {
  if (text === "") return []
  const input = new Input(text)
  const selectors = [selector(input)]
  while (!input.ended) {
    if (!input.take(/,/y)) throw input.refuse("expected a comma")
    selectors.push(selector(input))
  }
  return selectors
}

function selector(input: Input): Selector {
  const path = [field(input)]
  while (input.take(/\./y)) path.push(field(input))
  if (input.ended || input.sees(/,/y)) return { path, operator: "present", value: "" }
  const operator = input.take(/[=!~]+/y)
  if (operator !== "==" && operator !== "!=" && operator !== "~=") throw input.refuse("expected ==, != or ~=")
  return { path, operator, value: value(input, operator === "~=" ? /["/|]/y : /"/y) }
}

function field(input: Input): string {
  const word = input.sees(/"/y) ? input.quoted() : input.take(/[A-Za-z0-9_]+/y)
  if (word === undefined) throw input.refuse("expected a field")
  return word
}

function value(input: Input, quote: RegExp): string {
  if (input.sees(quote)) return input.quoted()
  // A value that begins as a quoted one would is none, whatever the operator.
  const word = input.sees(/["/|]/y) ? undefined : input.take(/[^\s,]+/y)
  if (word === undefined) throw input.refuse("expected a value")
  return word
}

/** The text of a filter, read from left to right. */
class Input {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get ended(): boolean {
    this.#skipSpaces()
    return this.#at >= this.#text.length
  }

  /** Whether `pattern` (sticky) is next. */
  sees(pattern: RegExp): boolean {
    this.#skipSpaces()
    return this.#match(pattern) !== undefined
  }

  /** Takes what `pattern` (sticky) matches; undefined when it does not. */
  take(pattern: RegExp): string | undefined {
    this.#skipSpaces()
    const found = this.#match(pattern)
    this.#at += found?.length ?? 0
    return found
  }

  /** Takes a text between two characters of the kind that is next. */
  quoted(): string {
    const quote = this.#text[this.#at]!
    let text = ""
    for (this.#at++; this.#text[this.#at] !== quote; ) {
      const character = this.#match(/[^\n]/uy)
      if (character === undefined) throw this.refuse("a quoted text is not ended")
      if (character === "\\") text += this.#escape(quote)
      else {
        text += character
        this.#at += character.length
      }
    }
    this.#at++
    return text
  }

  refuse(why: string): Failure {
    return new Failure("invalidArgument", `filter ${JSON.stringify(this.#text)}: ${why} at position ${this.#at}`)
  }

  /** What an escape of a Go string means. */
  #escape(quote: string): string {
    const found = this.#match(/\\(?:([abfnrtv\\])|([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/y)
    if (found === undefined && this.#text[this.#at + 1] === quote) {
      this.#at += 2
      return quote
    }
    if (found === undefined) throw this.refuse("illegal escape sequence")
    const plain = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\" }[found.slice(1)]
    const code = plain === undefined ? Number.parseInt(found.replace(/^\\[xuU]?/, ""), found[1]! < "8" ? 8 : 16) : 0
    if (code > 0x10ffff) throw this.refuse("illegal escape sequence")
    this.#at += found.length
    return plain ?? String.fromCodePoint(code)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)?.[0]
  }

  #skipSpaces(): void {
    this.#at += this.#match(/\s*/y)!.length
  }
}
