const named: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
}

/** Printable ASCII without anything that has to be escaped: nearly everything. */
const plain = /^[ !#-&(-[\]-_a-~]*$/

/** Text as Go's `%q` writes it: quoted, with escapes for what cannot be printed. */
export function quote(text: string, mark = '"'): string {
  if (plain.test(text)) return mark + text + mark
  let quoted = mark
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (character === mark) quoted += `\\${mark}`
    else if (named[character]) quoted += named[character]
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, "0")}`
    else if (/[\p{C}\p{Z}]/u.test(character) && character !== " ")
      quoted += code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`
    else quoted += character
  }
  return quoted + mark
}

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
}

/** The text that a Go literal ("…", `…` or '…') stands for. @returns undefined when it has an unknown escape */
export function unquote(literal: string): string | undefined {
  const inner = literal.slice(1, -1)
  if (literal[0] === "`") return inner.replaceAll("\r", "")
  let broken = false
  const text = inner.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|([\s\S]))/g,
    (_match, hex?: string, short?: string, long?: string, octal?: string, letter?: string) => {
      if (letter !== undefined) {
        if (escapes[letter] === undefined) broken = true
        return escapes[letter] ?? ""
      }
      return String.fromCodePoint(octal ? Number.parseInt(octal, 8) : Number.parseInt((hex ?? short ?? long)!, 16))
    },
  )
  return broken ? undefined : text
}
