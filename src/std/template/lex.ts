/** A template that cannot be parsed or executed; the message is in Go's words. */
export class TemplateError extends Error {
  override readonly name = "TemplateError"
}

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "space"
  | "word"
  | "field"
  | "variable"
  | "dot"
  | "number"
  | "character"
  | "string"
  | "pipe"
  | "comma"
  | "declare"
  | "assign"
  | "leftParen"
  | "rightParen"
  | "end"

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly pos: number
}

export const lineOf = (text: string, pos: number): number => text.slice(0, pos).split("\n").length

const parseError = (text: string, pos: number, message: string) =>
  new TemplateError(`template: :${lineOf(text, pos)}: ${message}`)

const tokens: readonly (readonly [TokenKind, RegExp])[] = [
  ["space", /[ \t\r\n]+/y],
  ["string", /"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`/y],
  ["character", /'(?:[^'\\\n]|\\[^\n])+'/y],
  ["number", /[+-]?(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y],
  ["field", /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["variable", /\$[\p{L}\p{Nd}_]*/uy],
  ["word", /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["declare", /:=/y],
  ["assign", /=/y],
  ["pipe", /\|/y],
  ["comma", /,/y],
  ["leftParen", /\(/y],
  ["rightParen", /\)/y],
  ["dot", /\./y],
]

/** Splits a template into tokens (Go's text/template). @throws TemplateError */
export function lex(text: string): Token[] {
  const found: Token[] = []
  let pos = 0
  let trimNext = false
  const pushText = (from: number, to: number, trimEnd: boolean) => {
    let part = text.slice(from, to)
    let start = from
    if (trimNext) {
      const trimmed = part.replace(/^[ \t\r\n]+/, "")
      start += part.length - trimmed.length
      part = trimmed
    }
    if (trimEnd) part = part.replace(/[ \t\r\n]+$/, "")
    if (part) found.push({ kind: "text", text: part, pos: start })
    trimNext = false
  }
  while (pos < text.length) {
    const open = text.indexOf("{{", pos)
    if (open < 0) {
      pushText(pos, text.length, false)
      break
    }
    const trims = /-[ \t\r\n]/y
    trims.lastIndex = open + 2
    const trimEnd = trims.test(text)
    pushText(pos, open, trimEnd)
    const inner = open + 2 + (trimEnd ? 2 : 0)
    pos = text.startsWith("/*", inner) ? comment(inner) : action(open, inner)
  }
  found.push({ kind: "end", text: "", pos: text.length })
  return found

  function comment(start: number): number {
    const end = text.indexOf("*/", start)
    if (end < 0) throw parseError(text, start, "unclosed comment")
    const close = /([ \t\r\n]-)?\}\}/y
    close.lastIndex = end + 2
    const match = close.exec(text)
    if (!match) throw parseError(text, start, "comment ends before closing delimiter")
    trimNext = match[1] !== undefined
    return close.lastIndex
  }

  function action(open: number, start: number): number {
    found.push({ kind: "open", text: "{{", pos: open })
    let at = start
    let depth = 0
    for (;;) {
      const close = /([ \t\r\n]-)?\}\}/y
      close.lastIndex = at
      const closing = close.exec(text)
      if (closing) {
        if (depth > 0) throw parseError(text, at, "unclosed left paren")
        trimNext = closing[1] !== undefined
        found.push({ kind: "close", text: "}}", pos: at })
        return close.lastIndex
      }
      if (at >= text.length) throw parseError(text, at, depth > 0 ? "unclosed left paren" : "unclosed action")
      const token = next(at)
      if (token.kind === "leftParen") depth++
      if (token.kind === "rightParen" && --depth < 0) throw parseError(text, at, "unexpected right paren")
      found.push(token)
      at += token.text.length
    }
  }

  function next(at: number): Token {
    for (const [kind, pattern] of tokens) {
      pattern.lastIndex = at
      const match = pattern.exec(text)
      if (!match) continue
      if (kind === "number") {
        const tail = /[\p{L}\p{Nd}_]/uy
        tail.lastIndex = pattern.lastIndex
        const rest = tail.exec(text)
        if (rest) throw parseError(text, at, `bad number syntax: ${JSON.stringify(match[0] + rest[0])}`)
      }
      return { kind, text: match[0], pos: at }
    }
    const character = text[at]!
    if (character === '"') throw parseError(text, at, "unterminated quoted string")
    if (character === "`") throw parseError(text, at, "unterminated raw quoted string")
    if (character === "'") throw parseError(text, at, "unterminated character constant")
    if (character === ":") throw parseError(text, at, "expected :=")
    const code = text.codePointAt(at)!
    const shown = code.toString(16).toUpperCase().padStart(4, "0")
    throw parseError(text, at, `unrecognized character in action: U+${shown} '${String.fromCodePoint(code)}'`)
  }
}
