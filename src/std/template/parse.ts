import type { Call, Node, Operand, Parsed, Pipe } from "./ast.ts"
import { lex, lineOf, TemplateError, type Token, type TokenKind } from "./lex.ts"
import { unquote } from "./quote.ts"

const keywords = new Set(["if", "range", "with", "template", "define", "block", "end", "else", "break", "continue"])

/** Parses a template. @throws TemplateError in Go's words; `isFunction` says which bare words are known */
export function parse(text: string, isFunction: (name: string) => boolean): Parsed {
  return new Parser(text, isFunction).parse()
}

interface Block {
  readonly nodes: Node[]
  readonly ended: "end" | "else" | "eof"
}

class Parser {
  readonly #text: string
  readonly #isFunction: (name: string) => boolean
  readonly #tokens: readonly Token[]
  readonly #defined = new Map<string, readonly Node[]>()
  #at = 0
  #variables: string[] = ["$"]
  #ranges = 0

  constructor(text: string, isFunction: (name: string) => boolean) {
    this.#text = text
    this.#isFunction = isFunction
    this.#tokens = lex(text)
  }

  parse(): Parsed {
    const { nodes, ended } = this.#block()
    if (ended !== "eof") throw this.#error(`unexpected {{${ended}}}`)
    return { text: this.#text, body: nodes, defined: this.#defined }
  }

  #error(message: string, token: Token = this.#tokens[Math.max(0, this.#at - 1)]!): TemplateError {
    return new TemplateError(`template: :${lineOf(this.#text, token.pos)}: ${message}`)
  }

  #unexpected(token: Token, context: string): TemplateError {
    if (token.kind === "end") return this.#error("unexpected EOF", token)
    const shown = keywords.has(token.text) || token.kind === "dot" ? `<${token.text}>` : JSON.stringify(token.text)
    return this.#error(`unexpected ${shown} in ${context}`, token)
  }

  #peek(): Token {
    return this.#tokens[this.#at]!
  }

  #take(): Token {
    return this.#tokens[this.#at++]!
  }

  #skipSpace(): void {
    while (this.#peek().kind === "space") this.#at++
  }

  #expect(kind: TokenKind, context: string): Token {
    this.#skipSpace()
    const token = this.#take()
    if (token.kind !== kind) throw this.#unexpected(token, context)
    return token
  }

  /** Nodes up to `{{end}}`, `{{else`, or the end; after `else` the rest of that action is still to be read. */
  #block(): Block {
    const nodes: Node[] = []
    for (;;) {
      const token = this.#take()
      if (token.kind === "end") {
        this.#at--
        return { nodes, ended: "eof" }
      }
      if (token.kind === "text") {
        nodes.push({ kind: "text", pos: token.pos, text: token.text })
        continue
      }
      this.#skipSpace()
      const word = this.#peek()
      if (word.kind === "word" && keywords.has(word.text)) {
        this.#at++
        if (word.text === "end") {
          this.#expect("close", "end")
          return { nodes, ended: "end" }
        }
        if (word.text === "else") return { nodes, ended: "else" }
        const node = this.#keyword(word)
        if (node) nodes.push(node)
        continue
      }
      nodes.push({ kind: "action", pos: token.pos, pipe: this.#pipe("command", "close") })
    }
  }

  #keyword(word: Token): Node | undefined {
    switch (word.text) {
      case "if":
      case "with":
      case "range":
        return this.#control(word.text, word.pos)
      case "break":
      case "continue":
        this.#expect("close", `{{${word.text}}}`)
        if (this.#ranges === 0) throw this.#error(`{{${word.text}}} outside {{range}}`)
        return { kind: word.text, pos: word.pos }
      case "define": {
        const name = this.#name("define clause")
        this.#expect("close", "define clause")
        this.#defined.set(name, this.#definition())
        return undefined
      }
      case "block": {
        const name = this.#name("block clause")
        const pipe = this.#pipe("block clause", "close")
        this.#defined.set(name, this.#definition())
        return { kind: "template", pos: word.pos, name, pipe }
      }
      default: {
        this.#skipSpace()
        const pos = this.#peek().pos
        const name = this.#name("template clause")
        this.#skipSpace()
        if (this.#peek().kind === "close") {
          this.#at++
          return { kind: "template", pos, name, pipe: undefined }
        }
        return { kind: "template", pos, name, pipe: this.#pipe("template clause", "close") }
      }
    }
  }

  #name(context: string): string {
    return unquote(this.#expect("string", context).text) ?? ""
  }

  #definition(): readonly Node[] {
    const outer = this.#variables
    const ranges = this.#ranges
    this.#variables = ["$"]
    this.#ranges = 0
    const { nodes, ended } = this.#block()
    this.#variables = outer
    this.#ranges = ranges
    if (ended !== "end") throw this.#error(ended === "eof" ? "unexpected EOF" : "unexpected {{else}} in define clause")
    return nodes
  }

  #control(kind: "if" | "with" | "range", pos: number): Node {
    const known = this.#variables.length
    const pipe = this.#pipe(kind, "close")
    if (kind === "range") this.#ranges++
    const body = this.#block()
    if (kind === "range") this.#ranges--
    if (body.ended === "eof") throw this.#error("unexpected EOF", this.#peek())
    const otherwise = body.ended === "else" ? this.#else(kind) : undefined
    this.#variables.length = known
    return { kind, pos, pipe, body: body.nodes, otherwise }
  }

  #else(kind: "if" | "with" | "range"): readonly Node[] {
    this.#skipSpace()
    const token = this.#take()
    // `else if` and `else with` are the beginning of an inner control whose end is the outer one's.
    if (token.kind === "word" && token.text === kind && kind !== "range") return [this.#control(kind, token.pos)]
    if (token.kind !== "close") throw this.#unexpected(token, "else")
    const { nodes, ended } = this.#block()
    if (ended === "eof") throw this.#error("unexpected EOF", this.#peek())
    if (ended === "else") throw this.#error("expected end; found {{else}}")
    return nodes
  }

  #pipe(context: string, until: "close" | "rightParen"): Pipe {
    this.#skipSpace()
    const pos = this.#peek().pos
    const { variables, assigns } = this.#declaration(context)
    const calls: Call[] = []
    for (;;) {
      this.#skipSpace()
      const token = this.#peek()
      if (token.kind === until) {
        this.#at++
        if (calls.length === 0) throw this.#error(`missing value for ${context}`, token)
        for (const [index, call] of calls.entries()) {
          const first = call.words[0]!
          if (index > 0 && ["bool", "dot", "nil", "number", "string"].includes(first.kind))
            throw this.#error(`non executable command in pipeline stage ${index + 1}`, token)
        }
        if (!assigns) this.#variables.push(...variables)
        return { kind: "pipe", pos, variables, assigns, calls }
      }
      if (token.kind === "end" || token.kind === "close") throw this.#unexpected(this.#take(), context)
      calls.push(this.#call(context))
    }
  }

  #declaration(context: string): { variables: string[]; assigns: boolean } {
    const start = this.#at
    const variables: string[] = []
    for (;;) {
      this.#skipSpace()
      const variable = this.#take()
      if (variable.kind !== "variable") break
      variables.push(variable.text)
      this.#skipSpace()
      const mark = this.#take()
      if (mark.kind === "comma" && context === "range" && variables.length < 2) continue
      if (mark.kind === "comma") throw this.#error(`too many declarations in ${context}`, mark)
      if (mark.kind !== "declare" && mark.kind !== "assign") break
      const assigns = mark.kind === "assign"
      if (assigns) for (const name of variables) this.#requireVariable(name, mark)
      return { variables, assigns }
    }
    this.#at = start
    return { variables: [], assigns: false }
  }

  #requireVariable(name: string, token: Token): void {
    if (!this.#variables.includes(name)) throw this.#error(`undefined variable ${JSON.stringify(name)}`, token)
  }

  #call(context: string): Call {
    const pos = this.#peek().pos
    const words: Operand[] = []
    for (;;) {
      this.#skipSpace()
      const operand = this.#operand()
      if (operand) words.push(operand)
      const token = this.#peek()
      if (token.kind === "space") continue
      if (token.kind === "pipe") {
        this.#at++
        this.#skipSpace()
        if (["close", "rightParen"].includes(this.#peek().kind)) throw this.#error(`missing value for ${context}`)
        break
      }
      if (token.kind === "close" || token.kind === "rightParen") break
      throw this.#unexpected(this.#take(), "operand")
    }
    if (words.length === 0) throw this.#error("empty command")
    return { kind: "call", pos, words }
  }

  /** One operand with the fields that follow it directly; undefined when none begins here. */
  #operand(): Operand | undefined {
    const of = this.#term()
    if (!of || this.#peek().kind !== "field") return of
    const pos = this.#peek().pos
    const path: string[] = []
    while (this.#peek().kind === "field") path.push(this.#take().text.slice(1))
    if (of.kind === "field" || of.kind === "variable") return { kind: of.kind, pos, path: [...of.path, ...path] }
    if (["bool", "string", "number", "nil", "dot"].includes(of.kind))
      throw this.#error(
        `unexpected . after term ${JSON.stringify(of.kind === "dot" ? "." : this.#text.slice(of.pos, pos))}`,
      )
    return { kind: "chain", pos, of, path }
  }

  #term(): Operand | undefined {
    const token = this.#take()
    const pos = token.pos
    switch (token.kind) {
      case "dot":
        return { kind: "dot", pos }
      case "field":
        return { kind: "field", pos, path: [token.text.slice(1)] }
      case "variable":
        this.#requireVariable(token.text, token)
        return { kind: "variable", pos, path: [token.text] }
      case "number":
        return { kind: "number", pos, text: token.text, value: numberOf(token.text) }
      case "character":
        return { kind: "number", pos, text: token.text, value: this.#unquoted(token).codePointAt(0) ?? 0 }
      case "string":
        return { kind: "string", pos, text: token.text, value: this.#unquoted(token) }
      case "leftParen":
        return this.#pipe("parenthesized pipeline", "rightParen")
      case "word":
        if (token.text === "true" || token.text === "false") return { kind: "bool", pos, value: token.text === "true" }
        if (token.text === "nil") return { kind: "nil", pos }
        if (keywords.has(token.text)) throw this.#unexpected(token, "operand")
        if (!this.#isFunction(token.text))
          throw this.#error(`function ${JSON.stringify(token.text)} not defined`, token)
        return { kind: "function", pos, name: token.text }
      default:
        this.#at--
        return undefined
    }
  }

  #unquoted(token: Token): string {
    const value = unquote(token.text)
    if (value === undefined) throw this.#error("invalid syntax", token)
    return value
  }
}

function numberOf(text: string): number | bigint {
  const plain = text.replaceAll("_", "")
  const value = /^[+-]/.test(plain) ? Number(plain.slice(1)) * (plain[0] === "-" ? -1 : 1) : Number(plain)
  return Number.isInteger(value) && !Number.isSafeInteger(value) && /^[+-]?\d+$/.test(plain) ? BigInt(plain) : value
}
