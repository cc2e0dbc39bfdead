import { decodeJson, type Json, setField } from "./json.ts"
import { findJsonFault, type JsonFault } from "./json-syntax.ts"
import { Turns } from "./turns.ts"

/** A text that is not one JSON document. */
export class JsonError extends SyntaxError {
  readonly fault: JsonFault

  constructor(fault: JsonFault) {
    super(fault.kind === "syntax" ? fault.message : fault.kind)
    this.fault = fault
  }
}

/** About how many characters are parsed at once: a millisecond or two. */
const partLength = 64 * 1024
/** As deep as Go's decoder goes. */
const maxDepth = 10_000

/**
 * As `decodeJson`, for texts of any length: a long one is parsed part by part, and others get their turn in between.
 * @throws JsonError
 */
export async function decodeJsonInTurns(text: string): Promise<Json> {
  if (text.length > partLength && /^[ \t\r\n]*[[{]/.test(text)) return await new PartDecoder(text).decode()
  return decodeWhole(text)
}

function decodeWhole(text: string): Json {
  try {
    return decodeJson(text)
  } catch (error) {
    throw new JsonError(findJsonFault(text) ?? { kind: "syntax", message: (error as Error).message })
  }
}

/** A list or an object that has not ended yet. What of it is long enough, or holds a value that is, is parsed in parts. */
interface Open {
  readonly isList: boolean
  /** Where the text begins that is not parsed yet, and what came before it. */
  from: number
  after: "bracket" | "comma" | "value"
  /** What is parsed already. */
  list?: Json[]
  object?: Record<string, Json>
  /** Of an object: where the latest text of its own begins and ends. It is the name of the value that comes next. */
  name: readonly [number, number]
}

/** Finds where a text may be cut, and has the parts in between parsed by the engine's own parser, which checks them. */
class PartDecoder {
  readonly #text: string
  readonly #open: Open[] = []
  /** How many of the open ones have parts that are parsed. */
  #begun = 0
  #at = 0
  /** Where the text begins that the place reached lies in. */
  #textAt: number | undefined
  readonly #turns = new Turns()

  constructor(text: string) {
    this.#text = text
  }

  async decode(): Promise<Json> {
    let rest = partLength
    for (;;) {
      const whole = this.#step()
      if (whole !== undefined) return whole
      if (this.#at < rest) continue
      rest = this.#at + partLength
      await this.#turns.pass()
    }
  }

  /** Goes on to the next bracket or comma, or to the end of a text. @returns the document once it has ended */
  #step(): Json | undefined {
    if (this.#textAt !== undefined) return this.#skipText()
    const text = this.#text
    for (; this.#at < text.length; this.#at++) {
      switch (text.charCodeAt(this.#at)) {
        case 0x22:
          this.#textAt = this.#at++
          return this.#skipText()
        case 0x2c:
          return this.#comma()
        case 0x5b:
        case 0x7b:
          return this.#begin(text.charCodeAt(this.#at) === 0x5b)
        case 0x5d:
        case 0x7d:
          return this.#end(text.charCodeAt(this.#at) === 0x5d)
      }
    }
    throw this.#fault("")
  }

  /** Goes on to the end of the text that begins at `#textAt`, or as far as one turn goes. */
  #skipText(): undefined {
    const limit = this.#at + partLength
    while (this.#at < limit) {
      const quote = this.#text.indexOf('"', this.#at)
      if (quote < 0) {
        this.#at = this.#text.length
        throw this.#fault("")
      }
      let escapes = quote
      while (this.#text.charCodeAt(escapes - 1) === 0x5c) escapes--
      this.#at = quote + 1
      // An even number of backslashes are escaped themselves.
      if ((quote - escapes) % 2 === 1) continue
      const open = this.#open.at(-1)
      if (open) open.name = [this.#textAt!, this.#at]
      this.#textAt = undefined
      return
    }
  }

  #begin(isList: boolean): undefined {
    if (this.#open.length === maxDepth) throw new JsonError({ kind: "syntax", message: "exceeded max depth" })
    this.#open.push({ isList, from: this.#at + 1, after: "bracket", name: [0, 0] })
    this.#at++
  }

  #comma(): undefined {
    const open = this.#open.at(-1)!
    if (this.#at - open.from >= partLength) {
      this.#beginParts()
      this.#take(open, this.#at, false)
      open.from = this.#at + 1
      open.after = "comma"
    }
    this.#at++
  }

  #end(isList: boolean): Json | undefined {
    const open = this.#open.at(-1)!
    if (open.isList !== isList) {
      this.#beginParts()
      throw this.#fault(isList ? "]" : "}")
    }
    const hasParts = this.#begun === this.#open.length
    if (!hasParts && this.#open.length > 1) {
      // It is parsed with what it lies in.
      this.#open.pop()
      this.#at++
      return undefined
    }
    this.#beginParts()
    this.#take(open, this.#at, true)
    this.#open.pop()
    this.#begun--
    this.#at++
    const value = (open.list ?? open.object)!
    const outer = this.#open.at(-1)
    if (!outer) return this.#finish(value)
    if (outer.list) outer.list.push(value)
    else setField(outer.object!, JSON.parse(this.#text.slice(...outer.name)) as string, value)
    outer.from = this.#at
    outer.after = "value"
    return undefined
  }

  #finish(value: Json): Json {
    if (/[^ \t\r\n]/.test(this.#text.slice(this.#at))) throw new JsonError({ kind: "trailing" })
    return value
  }

  /** Has the open ones parsed up to where the next of them begins. */
  #beginParts(): void {
    for (; this.#begun < this.#open.length; this.#begun++) {
      const open = this.#open[this.#begun]!
      if (open.isList) open.list = []
      else open.object = {}
      const outer = this.#open[this.#begun - 1]
      if (outer) this.#takeUpToValue(outer, open.from - 1)
    }
  }

  /** Parses what comes before a value that is parsed by itself. */
  #takeUpToValue(open: Open, to: number): void {
    const part = this.#partOf(open, to)
    const { list, object } = open
    if (open.after === "value") throw this.#faultIn(open, to, this.#text[to]!)
    try {
      // Another value stands for it. With the space it cannot be taken for the rest of one.
      const values = decodeJson(list ? `[${part} null]` : `{${part} null}`)
      if (list) for (const value of (values as Json[]).slice(0, -1)) list.push(value)
      else {
        const [from, end] = open.name
        const name = JSON.parse(this.#text.slice(from, end)) as string
        const { [name]: _, ...before } = values as Record<string, Json>
        addAll(object!, before)
      }
    } catch {
      throw this.#faultIn(open, to, this.#text[to]!)
    }
    open.from = to
    open.after = "value"
  }

  /** Parses what is left of an open one up to a comma, or its end. */
  #take(open: Open, to: number, isEnd: boolean): void {
    const part = this.#partOf(open, to)
    const isBlank = !/[^ \t\r\n]/.test(part)
    if (isBlank && open.after === "value") return
    const next = isEnd ? (open.isList ? "]" : "}") : ","
    if (isBlank && !(isEnd && open.after === "bracket")) throw this.#faultIn(open, to, next)
    try {
      if (open.list) for (const value of decodeJson(`[${part}]`) as Json[]) open.list.push(value)
      else addAll(open.object!, decodeJson(`{${part}}`) as Record<string, Json>)
    } catch {
      throw this.#faultIn(open, to, next)
    }
  }

  /** The text of an open one that is not parsed yet, without the comma behind the value before it. */
  #partOf(open: Open, to: number): string {
    const part = this.#text.slice(open.from, to)
    if (open.after !== "value") return part
    const comma = /^[ \t\r\n]*,/.exec(part)
    if (!comma) {
      if (/[^ \t\r\n]/.test(part)) throw this.#faultIn(open, to, "")
      return part
    }
    open.after = "comma"
    open.from += comma[0].length
    return part.slice(comma[0].length)
  }

  /** The fault at the place reached. @param closing the bracket there that does not fit */
  #fault(closing: string): JsonError {
    this.#beginParts()
    return this.#faultIn(this.#open.at(-1)!, this.#at, closing)
  }

  /** What is wrong within the part before `to`: told by a short document that has the same fault. */
  #faultIn({ isList, after, from }: Open, to: number, next: string): JsonError {
    const before = isList
      ? { bracket: "[", comma: "[0,", value: "[0" }
      : { bracket: "{", comma: '{"":0,', value: '{"":0' }
    const fault = findJsonFault(`${before[after]}${this.#text.slice(from, to)}${next}`)
    return new JsonError(fault ?? { kind: "syntax", message: "unreadable" })
  }
}

function addAll(object: Record<string, Json>, more: Readonly<Record<string, Json>>): void {
  for (const name of Object.keys(more)) setField(object, name, more[name]!)
}
