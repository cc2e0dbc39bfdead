/** What is wrong with a text that should be one JSON document. */
export type JsonFault =
  | { readonly kind: "empty" }
  /** The document is good, but more follows it. */
  | { readonly kind: "trailing" }
  | { readonly kind: "syntax"; readonly message: string }

class Fault extends Error {}

const maxDepth = 1000
const whiteSpace = /[ \t\r\n]*/y
const stringBody = /(?:[^"\\\0-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Explains why `text` is not one JSON document, in the words of Go's decoder, which clients' test suites look for.
 * @returns undefined when nothing is wrong
 */
export function findJsonFault(text: string): JsonFault | undefined {
  let at = 0
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? ""
    at += found.length
    return found
  }
  const unexpected = (where: string): Fault =>
    at >= text.length
      ? new Fault("unexpected EOF")
      : new Fault(`invalid character ${quote(String.fromCodePoint(text.codePointAt(at)!))} ${where}`)

  const string = () => {
    at++
    take(stringBody)
    if (text[at] === '"') {
      at++
      return
    }
    if (text[at] !== "\\") throw unexpected("in string literal")
    at++
    if (text[at] !== "u") throw unexpected("in string escape code")
    at++
    take(/[0-9a-fA-F]*/y)
    throw unexpected("in \\u hexadecimal character escape")
  }
  const literal = (wanted: string) => {
    for (const letter of wanted) {
      if (text[at] !== letter) throw unexpected(`in literal ${wanted} (expecting '${letter}')`)
      at++
    }
  }
  const members = (close: string, one: () => void, after: string) => {
    at++
    take(whiteSpace)
    if (text[at] === close) {
      at++
      return
    }
    for (;;) {
      one()
      take(whiteSpace)
      if (text[at] === close) {
        at++
        return
      }
      if (text[at] !== ",") throw unexpected(after)
      at++
    }
  }
  const value = (depth: number): void => {
    if (depth > maxDepth) throw new Fault("exceeded max depth")
    take(whiteSpace)
    const first = text[at]
    if (first === "{") {
      const pair = () => {
        take(whiteSpace)
        if (text[at] !== '"') throw unexpected("looking for beginning of object key string")
        string()
        take(whiteSpace)
        if (text[at] !== ":") throw unexpected("after object key")
        at++
        value(depth + 1)
      }
      members("}", pair, "after object key:value pair")
    } else if (first === "[") members("]", () => value(depth + 1), "after array element")
    else if (first === '"') string()
    else if (first === "t") literal("true")
    else if (first === "f") literal("false")
    else if (first === "n") literal("null")
    else if (first !== undefined && /[-\d]/.test(first)) {
      if (take(number) === "") {
        at++
        throw unexpected("in numeric literal")
      }
    } else throw unexpected("looking for beginning of value")
  }

  take(whiteSpace)
  if (at >= text.length) return { kind: "empty" }
  try {
    value(0)
  } catch (error) {
    if (error instanceof Fault) return { kind: "syntax", message: error.message }
    throw error
  }
  take(whiteSpace)
  return at < text.length ? { kind: "trailing" } : undefined
}

const quote = (character: string): string =>
  character === "'" ? "'\\''" : character === '"' ? "'\"'" : `'${JSON.stringify(character).slice(1, -1)}'`
