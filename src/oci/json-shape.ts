/** What a JSON text shows before it is parsed. */
export interface JsonShape {
  /** Levels of objects and lists. */
  readonly depth: number
  /** Fields of the object that has most of them. */
  readonly fields: number
  /** Names of the outermost object's fields as they are written, quotes included, repeated ones too. */
  readonly keys: readonly string[]
}

/** Beyond these nothing is looked at any more: the shape says that there are more. */
const deepest = 1000
const mostFields = 100_000
const [quote, backslash, colon] = [0x22, 0x5c, 0x3a]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]

/**
 * Looks once over the bytes of a JSON text, a few milliseconds for megabytes. A parser takes seconds for a text that is nested a
 * million times or has an object with a million fields, so the shape of what strangers send is looked at first. Says nothing useful
 * of what is not valid JSON.
 */
export function jsonShape(bytes: Uint8Array): JsonShape {
  const fields = new Int32Array(deepest + 2)
  const keys: string[] = []
  let [depth, level, most] = [0, 0, 0]
  let [from, to] = [0, 0]
  for (let at = 0; at < bytes.length && depth <= deepest && most <= mostFields; at++) {
    const byte = bytes[at]!
    if (byte === quote) {
      from = at
      for (at++; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at++
      to = at + 1
    } else if (byte === openBrace || byte === openBracket) {
      level++
      if (level > depth) depth = level
      fields[level] = 0
    } else if (byte === closeBrace || byte === closeBracket) level--
    else if (byte === colon && level >= 0) {
      const count = ++fields[level]!
      if (count > most) most = count
      if (level === 1) keys.push(Buffer.from(bytes.subarray(from, to)).toString("utf8"))
    }
  }
  return { depth, fields: most, keys }
}
