import type { Step } from "./linear-pattern.ts"

/** More of one than this is not repeated; as in Go. */
const mostRepeats = 1000
/** What a pattern of some thousand characters is put together of. */
const mostParts = 10_000
/** Groups within groups. */
const deepest = 100

type Holds = (codePoint: number) => boolean

interface Flags {
  readonly ignoreCase: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
}

/** Adds to a program what leads from its beginning to the place `next`. @returns the place of the beginning */
type Part = (program: Program, next: number) => number

class Program {
  readonly steps: Step[] = []
  #parts = 0

  add(step: Step): number {
    this.steps.push(step)
    return this.steps.length - 1
  }

  /** Counts what is put together: repeated nothings take time too. */
  count(parts: number): void {
    this.#parts += parts
    if (this.#parts > mostParts) throw new SyntaxError("expression is too large")
  }
}

/** @returns the program, which begins at its first step. @throws SyntaxError */
export function parsePattern(pattern: string): readonly Step[] {
  const part = new Parser(pattern).whole()
  const program = new Program()
  const begin = { kind: "either" as const, next: 0, other: 0 }
  program.add(begin)
  begin.next = begin.other = part(program, program.add({ kind: "match" }))
  return program.steps
}

const nothing: Part = (_program, next) => next
const sequence =
  (parts: readonly Part[]): Part =>
  (program, next) => {
    program.count(parts.length)
    return parts.reduceRight((after, part) => part(program, after), next)
  }
const either =
  (one: Part, other: Part): Part =>
  (program, next) =>
    program.add({ kind: "either", next: one(program, next), other: other(program, next) })
const one =
  (holds: Holds): Part =>
  (program, next) =>
    program.add({ kind: "one", holds, next })
const place =
  (holds: (before?: number, after?: number) => boolean): Part =>
  (program, next) =>
    program.add({ kind: "place", holds, next })

/** As often as wanted, or not at all. */
const repeated =
  (part: Part): Part =>
  (program, next) => {
    const again = { kind: "either" as const, next: 0, other: next }
    const at = program.add(again)
    again.next = part(program, at)
    return at
  }

function times(part: Part, least: number, most: number | undefined): Part {
  const parts: Part[] = Array.from({ length: least }, () => part)
  if (most === undefined) parts.push(repeated(part))
  else {
    let further = nothing
    for (let count = least; count < most; count++) further = either(sequence([part, further]), nothing)
    if (most > least) parts.push(further)
  }
  return sequence(parts.length === 0 ? [nothing] : parts)
}

const between =
  (from: number, to: number): Holds =>
  (codePoint) =>
    codePoint >= from && codePoint <= to
const not =
  (holds: Holds): Holds =>
  (codePoint) =>
    !holds(codePoint)
const anyOf =
  (sets: readonly Holds[]): Holds =>
  (codePoint) =>
    sets.some((holds) => holds(codePoint))
const byExpression = (set: string): Holds => {
  const expression = new RegExp(`^${set}$`, "u")
  return (codePoint) => expression.test(String.fromCodePoint(codePoint))
}

const digit = byExpression("[0-9]")
const space = byExpression("[\\t\\n\\f\\r ]")
const word = byExpression("[0-9A-Za-z_]")
const isWord = (codePoint: number | undefined): boolean => codePoint !== undefined && word(codePoint)
const atWordEdge = (before?: number, after?: number): boolean => isWord(before) !== isWord(after)
const newline = 10

const perlSets: Readonly<Record<string, Holds>> = {
  d: digit,
  D: not(digit),
  s: space,
  S: not(space),
  w: word,
  W: not(word),
}
const namedSets: Readonly<Record<string, string>> = {
  alnum: "[0-9A-Za-z]",
  alpha: "[A-Za-z]",
  ascii: "[\\x00-\\x7f]",
  blank: "[\\t ]",
  cntrl: "[\\x00-\\x1f\\x7f]",
  digit: "[0-9]",
  graph: "[!-~]",
  lower: "[a-z]",
  print: "[ -~]",
  punct: "[!-/:-@[-`{-~]",
  space: "[\\t-\\r ]",
  upper: "[A-Z]",
  word: "[0-9A-Za-z_]",
  xdigit: "[0-9A-Fa-f]",
}
const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** The same letter in its other case counts too. */
function inEitherCase(codePoint: number): Holds {
  const text = String.fromCodePoint(codePoint)
  const [lower, upper] = [text.toLowerCase(), text.toUpperCase()]
  return (other) => {
    const otherText = String.fromCodePoint(other)
    return otherText === text || otherText.toLowerCase() === lower || otherText.toUpperCase() === upper
  }
}

class Parser {
  readonly #characters: readonly string[]
  #at = 0
  #depth = 0
  #flags: Flags = { ignoreCase: false, multiline: false, dotAll: false }

  constructor(pattern: string) {
    this.#characters = Array.from(pattern)
  }

  whole(): Part {
    const part = this.#alternatives()
    if (this.#at < this.#characters.length) throw new SyntaxError("unexpected )")
    return part
  }

  get #next(): string | undefined {
    return this.#characters[this.#at]
  }

  /** Passes over `text` when it comes next. */
  #passes(text: string): boolean {
    const length = text.length
    if (this.#characters.slice(this.#at, this.#at + length).join("") !== text) return false
    this.#at += length
    return true
  }

  #alternatives(): Part {
    if (this.#depth === deepest) throw new SyntaxError("expression nests too deeply")
    this.#depth++
    const outer = this.#flags
    const parts = [this.#branch()]
    while (this.#passes("|")) parts.push(this.#branch())
    this.#flags = outer
    this.#depth--
    return parts.reduceRight((other, part) => either(part, other))
  }

  #branch(): Part {
    const parts: Part[] = []
    while (this.#next !== undefined && this.#next !== "|" && this.#next !== ")") parts.push(this.#repetition())
    return parts.length === 0 ? nothing : sequence(parts)
  }

  #repetition(): Part {
    let part = this.#single()
    for (let count = 0; ; count++) {
      const bounds = this.#quantifier()
      if (!bounds) return part
      if (count > 0) throw new SyntaxError("invalid nested repetition operator")
      // Whether as many or as few as possible are taken makes no difference to whether there is a match.
      this.#passes("?")
      part = times(part, ...bounds)
    }
  }

  #quantifier(): readonly [number, number | undefined] | undefined {
    if (this.#passes("*")) return [0, undefined]
    if (this.#passes("+")) return [1, undefined]
    if (this.#passes("?")) return [0, 1]
    // Braces without numbers stand for themselves.
    const written = /^\{(\d{1,6})(,)?(\d{1,6})?\}/.exec(this.#characters.slice(this.#at, this.#at + 16).join(""))
    if (!written || (written[3] !== undefined && written[2] === undefined)) return undefined
    this.#at += written[0].length
    const least = Number(written[1])
    const most = written[2] === undefined ? least : written[3] === undefined ? undefined : Number(written[3])
    if (least > mostRepeats || (most ?? least) > mostRepeats || (most ?? least) < least)
      throw new SyntaxError("invalid repeat count")
    return [least, most]
  }

  #single(): Part {
    const character = this.#characters[this.#at++]!
    const { multiline, dotAll } = this.#flags
    switch (character) {
      case "(":
        return this.#group()
      case "[":
        return one(this.#set())
      case ".":
        return one(dotAll ? () => true : (codePoint) => codePoint !== newline)
      case "^":
        return place((before) => before === undefined || (multiline && before === newline))
      case "$":
        return place((_before, after) => after === undefined || (multiline && after === newline))
      case "\\":
        return this.#escape()
      case "*":
      case "+":
      case "?":
        throw new SyntaxError("missing argument to repetition operator")
      default:
        return this.#character(character.codePointAt(0)!)
    }
  }

  #character(codePoint: number): Part {
    return one(this.#flags.ignoreCase ? inEitherCase(codePoint) : (other) => other === codePoint)
  }

  #group(): Part {
    const outer = this.#flags
    if (this.#passes("?")) {
      if (!this.#passes("P<") && !this.#passes("<")) {
        if (this.#setFlags()) return nothing
      } else {
        const end = this.#characters.indexOf(">", this.#at)
        const name = this.#characters.slice(this.#at, Math.max(end, this.#at)).join("")
        if (!/^\w+$/.test(name)) throw new SyntaxError("invalid named capture")
        this.#at = end + 1
      }
    }
    const part = this.#alternatives()
    this.#flags = outer
    if (!this.#passes(")")) throw new SyntaxError("missing closing )")
    return part
  }

  /** Reads `flags)` or `flags:`. @returns whether the group ends with them, and they hold for what follows */
  #setFlags(): boolean {
    const names = { i: "ignoreCase", m: "multiline", s: "dotAll" } as const
    let on = true
    for (;;) {
      const letter = this.#characters[this.#at++]
      if (letter === ")" || letter === ":") return letter === ")"
      if (letter === "-" && on) on = false
      else if (letter === "i" || letter === "m" || letter === "s") this.#flags = { ...this.#flags, [names[letter]]: on }
      // It only exchanges many and few.
      else if (letter !== "U") throw new SyntaxError("invalid or unsupported Perl syntax")
    }
  }

  #escape(): Part {
    const letter = this.#characters[this.#at]
    if (letter === "b" || letter === "B" || letter === "A" || letter === "z") {
      this.#at++
      if (letter === "A") return place((before) => before === undefined)
      if (letter === "z") return place((_before, after) => after === undefined)
      return place(letter === "b" ? atWordEdge : (before, after) => !atWordEdge(before, after))
    }
    if (letter === "Q") {
      this.#at++
      const parts: Part[] = []
      while (this.#next !== undefined && !this.#passes("\\E"))
        parts.push(this.#character(this.#characters[this.#at++]!.codePointAt(0)!))
      return sequence(parts.length === 0 ? [nothing] : parts)
    }
    const found = this.#escaped()
    return typeof found === "number" ? this.#character(found) : one(found)
  }

  /** What stands behind a backslash: a character, or a set of them. */
  #escaped(): number | Holds {
    const letter = this.#characters[this.#at++]
    if (letter === undefined) throw new SyntaxError("trailing backslash at end of expression")
    const set = perlSets[letter]
    if (set) return set
    if (letter === "p" || letter === "P") return this.#unicodeSet(letter === "P")
    if (letter === "x") return this.#hexadecimal()
    const control = controls[letter]
    if (control !== undefined) return control
    if (/^[0-7]$/.test(letter)) {
      const digits = /^[0-7]{0,2}/.exec(this.#characters.slice(this.#at, this.#at + 2).join(""))![0]
      if (letter !== "0" && digits === "") throw new SyntaxError("invalid escape sequence")
      this.#at += digits.length
      return Number.parseInt(letter + digits, 8)
    }
    if (/^[0-9A-Za-z]$/.test(letter)) throw new SyntaxError("invalid escape sequence")
    return letter.codePointAt(0)!
  }

  #hexadecimal(): number {
    const written = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(
      this.#characters.slice(this.#at, this.#at + 8).join(""),
    )
    const codePoint = Number.parseInt(written?.[1] ?? written?.[2] ?? "", 16)
    if (!(codePoint <= 0x10ffff)) throw new SyntaxError("invalid escape sequence")
    this.#at += written![0].length
    return codePoint
  }

  #unicodeSet(inverted: boolean): Holds {
    const written = /^(?:\{(\^?)(\w{1,40})\}|(\w))/.exec(this.#characters.slice(this.#at, this.#at + 44).join(""))
    const name = written?.[2] ?? written?.[3]
    if (!name) throw new SyntaxError("invalid character class range")
    this.#at += written![0].length
    for (const kind of ["", "Script="]) {
      try {
        const set = byExpression(`\\p{${kind}${name}}`)
        return inverted !== (written![1] === "^") ? not(set) : set
      } catch {
        // A category is no script, and the other way round.
      }
    }
    throw new SyntaxError("invalid character class range")
  }

  /** Reads a set behind its opening bracket. */
  #set(): Holds {
    const inverted = this.#passes("^")
    const sets: Holds[] = []
    for (let first = true; first || this.#next !== "]"; first = false) {
      if (this.#next === undefined) throw new SyntaxError("missing closing ]")
      const named = /^\[:(\^?)(\w+):\]/.exec(this.#characters.slice(this.#at, this.#at + 16).join(""))
      if (named) {
        const set = namedSets[named[2]!]
        if (set === undefined) throw new SyntaxError("invalid character class range")
        this.#at += named[0].length
        sets.push(named[1] === "^" ? not(byExpression(set)) : byExpression(set))
        continue
      }
      const from = this.#member()
      if (typeof from !== "number") sets.push(from)
      else if (this.#next !== "-" || this.#characters[this.#at + 1] === "]") sets.push(this.#range(from, from))
      else {
        this.#at++
        const to = this.#member()
        if (typeof to !== "number" || to < from) throw new SyntaxError("invalid character class range")
        sets.push(this.#range(from, to))
      }
    }
    this.#at++
    return inverted ? not(anyOf(sets)) : anyOf(sets)
  }

  #member(): number | Holds {
    const character = this.#characters[this.#at++]
    if (character === undefined) throw new SyntaxError("missing closing ]")
    return character === "\\" ? this.#escaped() : character.codePointAt(0)!
  }

  #range(from: number, to: number): Holds {
    const set = between(from, to)
    if (!this.#flags.ignoreCase) return set
    return (codePoint) => {
      const text = String.fromCodePoint(codePoint)
      return [text, text.toLowerCase(), text.toUpperCase()].some((each) => set(each.codePointAt(0)!))
    }
  }
}
